"""The ledger in an SQLite file: one machine, one process or several."""
