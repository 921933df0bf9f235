"""The account commands: `relay usage`, `calls`, `callers`, `budgets`, `tokens`, `prices`, and what goes with them."""
