"""Ports of loopback for programs that need to know their port in advance, and for addresses without a listener."""

import asyncio
import contextlib
import os
import random
import socket

_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OWN = range(20_000 + _PROCESS % _PROCESSES, 30_000, _PROCESSES)
_PORTS = iter(random.SystemRandom().sample(_OWN, len(_OWN)))
"""Ports for this test process alone, below those that systems hand out for port 0 and for connections."""


def free_port() -> int:
    """Returns a port without a listener; never the same twice."""
    for port in _PORTS:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise RuntimeError("no port from 20000 to 29999 is free")


async def until_listening(port: int, process: asyncio.subprocess.Process, *, within_s: float = 60.0) -> None:
    """Waits until a program listens that has no way to say so; for others there is `running` of `programs.py`.

    Raises RuntimeError if the program ends, TimeoutError after `within_s` seconds.
    """
    async with asyncio.timeout(within_s):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)  # the kernel sends no event either
    raise RuntimeError(f"the program ended with {process.returncode}")


def silent_server() -> socket.socket:
    """Returns a socket that listens on loopback. Nothing replies there; see `accepted`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


async def accepted(listener: socket.socket, *, within_s: float = 60.0) -> socket.socket:
    """Waits for a connection and returns it. Raises TimeoutError after `within_s` seconds."""
    async with asyncio.timeout(within_s):
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
    return connection
