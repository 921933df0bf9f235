"""Builds a Converse request from a prompt, and refuses what such a request cannot contain."""
