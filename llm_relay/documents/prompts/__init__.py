"""Prompts as JSON: their shape, and how they are read."""
