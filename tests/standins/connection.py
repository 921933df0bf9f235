"""One HTTP/1.1 connection, seen from the server; a client that leaves is noticed at once."""

import asyncio
import socket
import struct
from collections.abc import Coroutine, Mapping
from typing import NamedTuple

CRLF = b"\r\n"
LINGER_NOT = struct.pack("ii", 1, 0)


class Request(NamedTuple):
    """One request as it was read: the path as sent, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Connection:
    """Always reads one request ahead: that read ends when the client leaves, even while an answer is being written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Starts to read the first request."""
        self._reader = reader
        self._writer = writer
        self._ahead = asyncio.create_task(_read_request(reader))

    async def next_request(self) -> Request | None:
        """Waits for the next request; returns None when the connection is closed."""
        request = await self._ahead
        if request is not None:
            self._ahead = asyncio.create_task(_read_request(self._reader))
        return request

    async def unless_gone(self, answering: Coroutine[None, None, None]) -> bool:
        """Runs `answering` to its end; cancels it and returns False if the client closes its connection first."""
        task = asyncio.create_task(answering)
        try:
            await asyncio.wait({task, self._ahead}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and self._ahead.result() is None:
                return False
            await task
        except ConnectionError:
            return False
        else:
            return True
        finally:
            task.cancel()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Writes the answer's head."""
        lines = [f"HTTP/1.1 {status} ", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self._writer.write("\r\n".join(lines).encode())

    async def send(self, data: bytes, *, in_chunks: bool) -> None:
        """Writes a part of the body, and waits while the client reads too slowly."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data) if in_chunks else data)
        await self._writer.drain()

    def end(self) -> None:
        """Writes the end of a chunked body."""
        self._writer.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Closes the connection after what was written."""
        self._writer.close()

    def reset(self) -> None:
        """Resets the connection: the client sees RST, not an end."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._writer.transport.abort()

    def abort(self) -> None:
        """Closes the connection now, discarding unsent data, and stops reading."""
        self._ahead.cancel()
        self._writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    """Reads one request with its body; returns None if the client closed its connection instead."""
    try:
        head = await reader.readuntil(CRLF + CRLF)
        start, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    method, path, _ = start.split(" ")
    return Request(method, path, headers, body)
