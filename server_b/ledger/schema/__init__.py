"""The schema of the ledger: numbered files of SQL that both engines understand, each applied once, in order."""
