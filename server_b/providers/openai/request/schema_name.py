"""The name of a schema that has none."""

SCHEMA_NAME = "answer"
"""Both interfaces require a name."""
