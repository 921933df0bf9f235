"""Proves that the ledger equals the provider's log, and that nothing is lost when Server B is killed."""
