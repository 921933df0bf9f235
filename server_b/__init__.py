"""Server B: holds the keys, asks the provider, counts the cost."""
