"""Builds a Converse request from a prompt, and refuses what it cannot contain."""
