"""One call: its state, its readers, and its record."""
