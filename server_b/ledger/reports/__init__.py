"""Reports of a ledger: usage totals, lists of calls, and calls as they begin and end."""
