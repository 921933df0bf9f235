"""Headers of responses: what caches and proxies may do with them, and what a browser may do on one of our pages."""

from __future__ import annotations

NO_STORE = "no-store, no-transform"
"""Cache-Control of every response outside /ui. A proxy that compresses would hold back events until it has enough."""
EVENTS_HEADERS = {"Cache-Control": NO_STORE, "X-Accel-Buffering": "no"}
"""Headers of a stream of events. nginx and similar proxies buffer a response unless the second one turns it off."""
CONTENT_SECURITY_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
PAGE_SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every page and of its files."""
