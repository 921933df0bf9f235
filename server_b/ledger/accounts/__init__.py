"""What admins change: callers, tokens, budgets, prices and corrections, each with an entry in the audit log."""
