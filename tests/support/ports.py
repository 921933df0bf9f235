"""Ports of loopback for programs that are told where to listen, and for places where nobody listens."""

import random
import socket

_PORTS = iter(random.SystemRandom().sample(range(20_000, 30_000), 10_000))
"""Below those that systems hand out for port 0 and for connections: nobody else gets one before it is used."""


def free_port() -> int:
    """Returns a port that nobody listens on; never the same twice."""
    for port in _PORTS:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise RuntimeError("no port from 20000 to 29999 is free")
