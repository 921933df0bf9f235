"""The HTTP server of the gateway and MCP: uvicorn with our connections, and with signals left to its owner."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any, Literal

import uvicorn

from llm_relay.addresses import BACKLOG
from llm_relay.http.connection import HttpConnection
from llm_relay.tls.http_server import HttpCertificates

KEEP_ALIVE_S = 75
"""How long a connection may be idle between two requests: longer than the 60 s of most load balancers, which might
otherwise send a request on a connection that is being closed."""


class HttpServer(uvicorn.Server):
    """uvicorn, with signals left to its owner: uvicorn would end the process by the signal, not with exit code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def stop_accepting(self) -> None:
        """Closes the port at once, and ends `serve` once running requests have ended or their grace period is over."""
        self.should_exit = True
        if self.started:
            for server in self.servers:
                server.close()


def create_server(
    app: Any, *, certificates: HttpCertificates | None, grace_s: int, lifespan: Literal["on", "off"]
) -> HttpServer:
    """Returns the HTTP server of an ASGI application. `grace_s` is how long requests may run after it is stopped."""
    config = uvicorn.Config(
        app,
        http=HttpConnection,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=grace_s,
        ssl_context_factory=(lambda _, __: certificates.context()) if certificates else None,
    )
    return HttpServer(config)
