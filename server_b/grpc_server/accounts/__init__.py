"""relay.v1.AccountService: who may call, what they may spend, and what their calls have cost."""
