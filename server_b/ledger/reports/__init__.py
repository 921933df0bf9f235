"""What a ledger tells: usage added up, lists of calls, calls as they begin and end."""
