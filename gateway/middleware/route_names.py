"""What a request is called in metrics and traces: paths and methods can be anything, so that few of them are names."""

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
NO_ROUTE = "none"
"""The route of a request that has none."""
