"""Parses what vendors write in different ways: counts, finish reasons, ids, JSON, split characters."""
