"""Damages a stream byte by byte, and reads it plainly to see which damage can be detected."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]
LONGEST_SLICE = 40


def _at(chance: random.Random, data: bytes) -> tuple[int, int]:
    """Chooses where a slice begins and ends."""
    start = chance.randrange(len(data))
    return start, min(len(data), start + chance.randint(1, LONGEST_SLICE))


def flip_bit(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def change_byte(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def drop_byte(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + 1 :]


def drop_slice(chance: random.Random, data: bytes) -> bytes:
    start, end = _at(chance, data)
    return data[:start] + data[end:]


def repeat_slice(chance: random.Random, data: bytes) -> bytes:
    start, end = _at(chance, data)
    return data[:end] + data[start:]


def insert_bytes(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    inserted = chance.choice(
        (b"\n", b"\r", b"\n\n", b"\x00", b"\xef\xbb\xbf", b"\xff", b"{", b'"', b":", chance.randbytes(3))
    )
    return data[:at] + inserted + data[at:]


def move_slice(chance: random.Random, data: bytes) -> bytes:
    start, end = _at(chance, data)
    rest = data[:start] + data[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + data[start:end] + rest[at:]


def cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit,
    change_byte,
    drop_byte,
    drop_slice,
    repeat_slice,
    insert_bytes,
    move_slice,
    cut,
)

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_-]*")
_FIELDS = (b"data", b"event", b"id", b"retry")


class Damaged(Exception):
    """The stream is visibly damaged."""


def readable_text(stream: bytes) -> str | None:
    """Reads a stream as plainly as possible; returns its text, or None if its damage can be detected.

    Damage cannot be detected if the rest is a stream of chunks that end as they should.
    """
    text, is_ended = "", False
    try:
        for data in _events(stream):
            if data.strip() == b"[DONE]":
                return _readable(text)
            for document in _documents(data):
                more, ends = _chunk(document)
                text, is_ended = text + more, is_ended or ends
    except (Damaged, ValueError):
        return None
    return _readable(text) if is_ended else None


def _readable(text: str) -> str:
    """Joins the halves of surrogate pairs; a lone half cannot be displayed."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _events(stream: bytes) -> Iterator[bytes]:
    lines: list[bytes] = []
    for line in re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf")):
        name, _, value = line.partition(b":")
        if not line:
            yield b"\n".join(lines)
            lines = []
        elif name == b"data":
            lines.append(value.removeprefix(b" "))
        elif name and (not _NAME.fullmatch(name) or (name not in _FIELDS and _is_object(value))):
            raise Damaged
    yield b"\n".join(lines)


def _is_object(value: bytes) -> bool:
    return value.strip()[:1] == b"{"


def _documents(data: bytes) -> Iterator[Any]:
    """Reads the JSON documents of an event; there are several if the blank line between two events is lost."""
    rest = data.decode().strip()
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        yield document
        rest = rest[end:].strip()
        if rest == "[DONE]":
            return


def _chunk(document: Any) -> tuple[str, bool]:
    """Returns the text of a chunk, and whether it ends the answer."""
    if not isinstance(document, dict) or "choices" not in document or document.get("error"):
        raise Damaged
    text, is_end = "", False
    for choice in document["choices"] or ():
        if not isinstance(choice, dict) or not isinstance(choice.get("delta", ...), dict | None):
            raise Damaged
        content = (choice["delta"] or {}).get("content") or ""
        if not isinstance(content, str):
            raise Damaged
        if choice.get("index", 0) == 0:
            text, is_end = text + content, bool(choice.get("finish_reason"))
    return text, is_end
