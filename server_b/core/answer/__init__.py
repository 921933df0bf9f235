"""What has come of an answer: deltas, the transcript of them, and its packed form."""
