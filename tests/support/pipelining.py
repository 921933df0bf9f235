"""A client of the gateway that sends a second request behind its first, and waits only for the first answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.support.refusal import Document, OnText, Refusal

SECOND = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class PipeliningDoor:
    """Opens a connection for each call; cancelling the call closes it."""

    def __init__(self, address: str) -> None:
        """`address` is the gateway's, as host:port."""
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    async def whole(self, **fields: Any) -> Document:
        async with self._asked("/process", fields) as reader:
            status, length = await _head(reader)
            return _answer(status, await reader.readexactly(length))

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        finish: Document = {}
        async with self._asked("/stream", fields) as reader:
            status, length = await _head(reader)
            if status != 200:
                return _answer(status, await reader.readexactly(length))
            while (line := await reader.readline()) != b"data: [DONE]\n":
                if line.startswith(b"data: "):
                    finish = json.loads(line[6:])
                    if "error" in finish:
                        raise Refusal(finish["reason"], finish["error"], finish["requestId"])
                    on_text(finish.get("content", ""))
        return finish

    @contextlib.asynccontextmanager
    async def _asked(self, path: str, fields: Document) -> AsyncIterator[asyncio.StreamReader]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request(path, fields) + SECOND)
            yield reader
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Reads the head of an answer; returns the status and the length, 0 if it has none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    return int(head.split(" ", 2)[1]), int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)


def _answer(status: int, body: bytes) -> Document:
    document: Document = json.loads(body)
    if status != 200:
        raise Refusal(document["reason"], document["detail"], document["requestId"])
    return document


def request(path: str, fields: Document) -> bytes:
    """Returns the bytes of a POST."""
    body = json.dumps(fields).encode()
    lines = ("Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}", "", "")
    return "\r\n".join([f"POST {path} HTTP/1.1", *lines]).encode() + body
