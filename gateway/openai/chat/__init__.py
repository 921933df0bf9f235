"""Chat completions: bodies to prompts, answers to completions and chunks."""
