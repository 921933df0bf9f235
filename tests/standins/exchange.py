"""One request and its answer: what was requested, how the answer is played, and how it ended."""

import asyncio
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.standins.answer import Answer
from tests.standins.connection import Connection
from tests.standins.script import FaultKind, Script


class Outcome(StrEnum):
    """How an exchange ended, from the stand-in's side."""

    RUNNING = "running"
    """Not ended yet, or ended by the stand-in's own stop."""
    DONE = "done"
    """The answer was written to its end, even if it was an error or malformed."""
    DISCONNECTED = "disconnected"
    """The client closed its connection before that."""
    FAULT = "fault"
    """The stand-in cut it: CUT_BEFORE, CUT, CUT_AFTER_END or RESET."""


@dataclass(slots=True, kw_only=True, eq=False)
class Received:
    """One request, and its outcome."""

    method: str
    path: str
    """As sent, with its escapes and its query."""
    headers: dict[str, str]
    """Header names are in lower case."""
    body: Any
    """Parsed from JSON; None if empty."""
    data: bytes = b""
    """The body as received."""
    words_sent: int = 0
    """Words written to the socket so far."""
    spoke: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first word."""
    outcome: Outcome = Outcome.RUNNING
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the exchange has ended in any way; `outcome` says how."""

    def end(self, outcome: Outcome) -> None:
        """Records the end of the exchange."""
        self.outcome = outcome
        self.closed.set()

    async def ended(self, within_s: float = 30.0) -> Outcome:
        """Waits for the end and returns the outcome; raises TimeoutError after `within_s` seconds."""
        async with asyncio.timeout(within_s):
            await self.closed.wait()
        return self.outcome


async def play(connection: Connection, answer: Answer, received: Received) -> None:
    """Writes the answer at its script's pace, with its fault, and records its end before the client can see it."""
    script = answer.script
    if script.fails(FaultKind.CUT_BEFORE):
        received.end(Outcome.FAULT)
        connection.cut()
        return
    if script.fails(FaultKind.HANG):
        await _silence()
    await asyncio.sleep(script.first_delay_s)
    connection.begin(answer.status, _head(answer))
    if script.fails(FaultKind.HANG_HEADERS):
        await _silence()
    await _write(connection, answer, received)
    if script.fails(FaultKind.HANG_DURING, FaultKind.HANG_AFTER_END):
        await _silence()
    _finish(connection, answer, received)


def _head(answer: Answer) -> dict[str, str]:
    length = {"transfer-encoding": "chunked"} if answer.length is None else {"content-length": str(answer.length)}
    return {"content-type": answer.content_type, **length, **answer.headers}


async def _write(connection: Connection, answer: Answer, received: Received) -> None:
    script, in_chunks = answer.script, answer.length is None
    for start in range(0, len(answer.pieces), script.per_write):
        # even a pause of 0 lets the client read, and leave, between two writes
        await asyncio.sleep(script.gap_s if start else 0)
        pieces = answer.pieces[start : start + script.per_write]
        received.words_sent += sum(piece.words for piece in pieces)
        for data in _parts(script, b"".join(piece.data for piece in pieces)):
            await connection.send(data, in_chunks=in_chunks)
        if received.words_sent:
            received.spoke.set()


def _parts(script: Script, data: bytes) -> list[bytes]:
    """Returns what is written at once; SPLIT_UTF8 splits before each byte that continues a character."""
    return re.split(rb"(?=[\x80-\xbf])", data) if script.fails(FaultKind.SPLIT_UTF8) else [data]


def _finish(connection: Connection, answer: Answer, received: Received) -> None:
    cut = answer.script.fails(FaultKind.CUT, FaultKind.CUT_AFTER_END)
    broken = cut or answer.script.fails(FaultKind.RESET)
    received.end(Outcome.FAULT if broken else Outcome.DONE)
    if cut:
        connection.cut()
    elif answer.script.fails(FaultKind.RESET):
        connection.reset()
    elif answer.length is None:
        connection.end()


async def _silence() -> None:
    """Never returns: only the client's leaving, or the stand-in's stop, ends it."""
    await asyncio.Event().wait()
