"""The answer of a call: its deltas, their transcript, and its packed form."""
