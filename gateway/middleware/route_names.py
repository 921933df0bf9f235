"""Names of requests in metrics and traces. They are few, although clients can send any path and method."""

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
NO_ROUTE = "none"
"""The name for a request that matches no route."""
