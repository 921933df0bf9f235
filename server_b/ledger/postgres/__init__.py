"""The ledger in PostgreSQL: several machines."""
