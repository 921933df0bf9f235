"""The ledger: a row for each call, written before the provider is asked and settled before the caller sees its end."""
