"""The HTTP server of /metrics. It runs in a thread, so that it answers even if the event loop is busy."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from llm_relay.addresses import host_name, is_loopback_host, listen

PATIENCE_S = 15
"""How long a client may take to send its request, and to read the answer."""
_POLL_S = 0.1
_NOT_ALLOWED = (
    b"this Host is not allowed: METRICS_HOST is a loopback address, so use localhost, or add the host to"
    b" METRICS_ALLOWED_HOSTS\n"
)

Start = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Logs nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Logs nothing, because the client was too slow or has left."""


@contextlib.contextmanager
def serving_metrics(app: Application, host: str, port: int, *, allowed_hosts: Iterable[str] = ()) -> Iterator[int]:
    """Serves a WSGI application at host:port (port 0: any free port) during the block. Yields the port.

    If `host` is loopback, requests must have one of its names as their host, or one of `allowed_hosts`, which contains
    `host` for any port, or `host:port`; `*` allows all.
    Raises OSError if it cannot listen there.
    """
    with listen(host, port) as listener:
        server = _Server(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.server_name, server.server_port = socket.gethostname(), listener.getsockname()[1]
        server.setup_environ()
        server.set_app(_for_this_machine(app, allowed_hosts) if is_loopback_host(host) else app)
        thread = threading.Thread(target=server.serve_forever, args=[_POLL_S], daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _for_this_machine(app: Application, allowed_hosts: Iterable[str]) -> Application:
    """Refuses requests for another host than this machine and `allowed_hosts`.

    A web page can give its own name the address of this machine (DNS rebinding), and could read the metrics.
    """

    allowed = frozenset(host.lower() for host in allowed_hosts)

    def checked(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "localhost").lower()
        name = host_name(host)
        if is_loopback_host(name) or not allowed.isdisjoint((host, name, "*")):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [_NOT_ALLOWED]

    return checked
