"""HTTP/2 by hand, for a client that no gRPC library can play."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.scripted import PATIENCE_S

SETTINGS, PING, HEADERS, DATA, RST_STREAM, GOAWAY = 0x4, 0x6, 0x1, 0x0, 0x3, 0x7
ACK, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4
INITIAL_WINDOW_SIZE = 0x4
FRAME_HEAD_BYTES = 9
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, data: bytes = b"") -> bytes:
    """Returns the bytes of one frame (RFC 9113, 4.1)."""
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data


def _header(name: str, value: str) -> bytes:
    """A literal header field without indexing (RFC 7541, 6.2.2)."""
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def headers(path: str) -> bytes:
    """Returns the header block of a gRPC request."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "127.0.0.1",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(_header(name, value) for name, value in fields.items())


def _watch() -> bytes:
    no_window = INITIAL_WINDOW_SIZE.to_bytes(2, "big") + (0).to_bytes(4, "big")
    return (
        PREFACE
        + frame(SETTINGS, 0, 0, no_window)
        + frame(HEADERS, END_HEADERS, 1, headers("/grpc.health.v1.Health/Watch"))
        + frame(DATA, END_STREAM, 1, b"\0\0\0\0\0")
    )


@contextlib.asynccontextmanager
async def watch_health_and_read_nothing(port: int) -> AsyncIterator[None]:
    """Watches the server's health with a zero window for its messages, but answers its pings."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_watch())
    watched = asyncio.Event()
    living = asyncio.create_task(_stay_alive(reader, writer, watched))
    try:
        async with asyncio.timeout(PATIENCE_S):
            await watched.wait()
        yield
    finally:
        living.cancel()
        writer.close()


async def _stay_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watched: asyncio.Event) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(FRAME_HEAD_BYTES)
            data = await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags = head[3], head[4]
            if kind == HEADERS:
                watched.set()
            if kind in (SETTINGS, PING) and not flags & ACK:
                writer.write(frame(kind, ACK, 0, data if kind == PING else b""))
