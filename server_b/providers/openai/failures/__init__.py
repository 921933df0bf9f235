"""A failure: read from any envelope, understood by tables of words and texts, raised as a RelayError."""
