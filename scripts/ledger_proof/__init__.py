"""Proves that the ledger's book equals the provider's log, and that nothing is lost when Server B is killed."""
