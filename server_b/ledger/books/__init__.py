"""The books: calls are written before the provider is asked and settled before the caller sees the end, in batches."""
