"""Streams of several vendors, cut and split at every byte."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from llm_relay.errors import ProviderProtocol
from server_b.providers.base import Ending, Piece, Text
from server_b.providers.content_pieces import CallArguments, CallStarted, ReasoningPiece
from server_b.providers.openai.chat.answer import AnswerReader
from tests.field.wire import BOM, DONE, USAGE, chunk, event, finish, text, usage_event

CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": ""}}
STREAMS = {
    "OpenAI, with a call": text("Hé")
    + text("l€😀lo")
    + event(chunk({"tool_calls": [CALL]}))
    + event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"q"'}}]}))
    + event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": ':"é"}'}}]}))
    + finish("tool_calls")
    + usage_event()
    + DONE,
    "DeepSeek, with reasoning": b": keep-alive\n\n"
    + event(chunk({"content": None, "reasoning_content": "hä"}))
    + text("Hel")
    + text("lo")
    + event(chunk({"content": ""}, "stop", usage=USAGE))
    + DONE,
    "Mistral, with parts and CRLF": (
        event(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}))
        + event(chunk({"content": [{"type": "text", "text": "Hel"}]}))
        + text("lo")
        + event(chunk({"content": ""}, "stop", usage=USAGE))
        + DONE
    ).replace(b"\n", b"\r\n"),
    "halves of a character, a BOM and CR": BOM
    + (text("lo\ud83d") + text("\ude00!") + finish() + usage_event() + DONE).replace(b"\n", b"\r"),
}


def read(*parts: bytes) -> tuple[list[Piece], Exception | None]:
    """Returns the pieces of an answer that arrives in these parts, and the error that ended it."""
    reader, pieces = AnswerReader("m"), list[Piece]()
    try:
        for part in parts:
            pieces.extend(reader.read(part))
        pieces.extend(reader.end())
    except ProviderProtocol as error:
        return pieces, error
    return pieces, None


def content(pieces: Iterable[Piece]) -> dict[int, str]:
    """Returns the content of each block."""
    blocks: dict[int, str] = {}
    for piece in pieces:
        match piece:
            case Text() | ReasoningPiece():
                blocks[piece.index] = blocks.get(piece.index, "") + piece.text
            case CallStarted():
                blocks[piece.index] = f"{piece.name}: "
            case CallArguments():
                blocks[piece.index] += piece.arguments
            case _:
                pass
    return blocks


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_stream_is_never_complete_and_has_all_that_came_before(name: str) -> None:
    body = STREAMS[name]
    whole = content(read(body)[0])
    last_event = body[body.rindex(b'"finish_reason":"') :]
    first_end = len(body) - len(last_event) + min(at for at in map(last_event.find, (b"\n", b"\r")) if at >= 0)
    length = 0
    for cut in range(len(body)):
        pieces, error = read(body[:cut])
        before = content(pieces)
        assert all(whole[block].startswith(said) for block, said in before.items()), cut
        assert (error is None) is isinstance(pieces[-1] if pieces else None, Ending), cut
        assert error is not None or (cut >= first_end and before == whole), cut
        assert error is None or sum(map(len, before.values())) >= length, cut
        length = sum(map(len, before.values()))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_split_anywhere_is_the_same(name: str) -> None:
    body = STREAMS[name]
    pieces, error = read(body)
    assert error is None
    for cut in range(1, len(body)):
        split, fault = read(body[:cut], body[cut:])
        assert fault is None, cut
        assert (content(split), split[-1]) == (content(pieces), pieces[-1]), cut
