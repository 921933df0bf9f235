"""The Responses API: bodies to prompts, answers to responses and their events."""
