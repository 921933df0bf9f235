"""The ledger in PostgreSQL, for servers on several machines."""
