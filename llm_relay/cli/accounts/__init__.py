"""The account commands: `relay usage`, `calls`, `callers`, `budgets`, `tokens`, `prices` and related commands."""
