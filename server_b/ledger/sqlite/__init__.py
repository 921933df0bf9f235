"""The ledger in an SQLite file, for one or several processes on one machine."""
