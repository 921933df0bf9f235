"""Errors as HTTP responses."""
