"""Turns a script's events into the bytes of one HTTP answer, with the faults in its content."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from tests.standins.script import FaultKind, Script

MALFORMED = (FaultKind.MALFORMED, FaultKind.MALFORMED_FRAME, FaultKind.MALFORMED_JSON)
STRIKES = (FaultKind.CUT, FaultKind.RESET, FaultKind.HANG_DURING)


class Event(NamedTuple):
    """One event of a stream: its JSON document, the number of words in it, and its name if it has one."""

    document: object
    words: int = 0
    name: str = ""


class Piece(NamedTuple):
    """Bytes that are written together, and the number of words in them."""

    data: bytes
    words: int = 0


Encode = Callable[[Event, FaultKind | None], bytes]
"""An event as sent; the fault MALFORMED spoils it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer: its head, and the pieces of its body up to the script's fault."""

    script: Script
    pieces: tuple[Piece, ...]
    length: int | None
    """The Content-Length, in bytes; None for a chunked body."""
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str]


def to_json(document: object, *, malformed: bool = False) -> bytes:
    """Writes a document as compact UTF-8, a surrogate such as U+DCFF as the bare byte 0xFF; malformed: not closed."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogateescape")[: -1 if malformed else None]


def whole(script: Script, document: object, *, words: int = 0, status: int = 200, headers: Mapping[str, str]) -> Answer:
    """Answers with one JSON document of that many words, in two halves, so that a fault can strike between them."""
    body = to_json(document, malformed=script.fails(*MALFORMED))
    half = len(body) // 2
    pieces = (Piece(body[:half]), Piece(body[half:], words))
    shown = pieces[:1] if script.fails(*STRIKES) else pieces
    return Answer(script=script, pieces=shown, length=len(body), status=status, headers=headers)


def streamed(
    script: Script,
    events: Sequence[Event],
    encode: Encode,
    *,
    error: Event,
    content_type: str,
    headers: Mapping[str, str],
) -> Answer:
    """Answers with a stream of events, with `error` in it if the script asks for ERROR_EVENT."""
    at = _place(events, script.after)
    pieces = [Piece(encode(event, None), event.words) for event in events]
    if script.fails(*STRIKES):
        pieces = pieces[:at]
    elif script.fails(FaultKind.ERROR_EVENT):
        pieces = [*pieces[:at], Piece(encode(error, None))]
    elif script.fault is not None and script.fails(*MALFORMED):
        pieces[at] = Piece(encode(events[at], script.fault.kind))
    return Answer(script=script, pieces=tuple(pieces), length=None, content_type=content_type, headers=headers)


def _place(events: Sequence[Event], after: int) -> int:
    """Returns the index of the event after `after` words: never the opening event, and the end if none follows."""
    sent = [0, *accumulate(event.words for event in events)]
    first = 0 if events[0].words else 1
    return next((index for index in range(first, len(events)) if sent[index] >= after), len(events))
