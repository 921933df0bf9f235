"""A client's channel to Server B: opened at the first call, and again when its certificate files change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import grpc

from llm_relay.client.channel import Dial, check_dial, open_channel
from llm_relay.tls.grpc_client import channel_credentials

S = TypeVar("S")

LONGEST_CALL_S = 365 * 86_400.0
"""How long calls on a replaced channel may continue: until their own deadlines."""


class Connection(Generic[S]):
    """A channel and its stub, which belong to the event loop of the first call."""

    def __init__(self, dial: Dial, stub: Callable[[grpc.aio.Channel], S]) -> None:
        """`stub` makes the stub for a channel.

        Raises ValueError if a token would be sent in plaintext beyond this machine, or a certificate cannot be used.
        """
        check_dial(dial)
        self._dial = dial
        self._make_stub = stub
        self._files = [Path(path) for path in (dial.ca_file, dial.cert_file, dial.key_file) if path] if dial.tls else []
        self._stamps = self._look()
        self._credentials = channel_credentials(dial) if dial.tls else None
        self._opened: tuple[asyncio.AbstractEventLoop, grpc.aio.Channel, S] | None = None
        self._replaced: set[asyncio.Task[None]] = set()

    def stub(self) -> S:
        """Returns the stub for the running event loop. Raises RuntimeError on another loop than the first call's."""
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened[0].is_closed():
            return self._open(loop)
        if self._opened[0] is not loop:
            raise RuntimeError(
                "this RelayClient has made calls on another event loop, which is still open:"
                " make a RelayClient for each event loop"
            )
        if self._files and self._reload():
            self._retire(self._opened[1])
            return self._open(loop)
        return self._opened[2]

    async def close(self) -> None:
        """Closes the channel; running calls are cancelled."""
        for task in self._replaced:
            task.cancel()
        if self._opened is not None:
            await self._opened[1].close()

    def _open(self, loop: asyncio.AbstractEventLoop) -> S:
        channel = open_channel(self._dial, self._credentials)
        stub = self._make_stub(channel)
        self._opened = (loop, channel, stub)
        return stub

    def _reload(self) -> bool:
        """Loads the certificate files if they have changed and can be used. Returns whether it did."""
        found = self._look()
        if found == self._stamps:
            return False
        try:
            self._credentials = channel_credentials(self._dial)
        except ValueError:  # half renewed: keep the old files until the new ones are complete
            return False
        self._stamps = found
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._files]

    def _retire(self, channel: grpc.aio.Channel) -> None:
        task = asyncio.create_task(channel.close(LONGEST_CALL_S))
        self._replaced.add(task)
        task.add_done_callback(self._replaced.discard)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
