"""Each item is returned once, whichever events a server sends for it.

An item may be sent at its beginning, in deltas, at their end, at its own end and at the end of the response. Servers
leave some of these out.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Piece, Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece, RefusalPiece
from server_b.providers.openai.responses.answer import ResponseReader
from tests.standins.answer import Event
from tests.standins.openai_responses import Item, call_item, message_item, named_sse, reasoning_item

PLACES = ("added", "deltas", "done", "item.done", "completed")
SETS = [one for size in range(1, len(PLACES) + 1) for one in itertools.combinations(PLACES, size)]
ARGUMENTS = '{"id": 9007199254740993}'
SAID = {"text": "Hello", "refusal": "I can't", "arguments": ARGUMENTS, "reasoning": "hm", "summary": "hm, hm"}
ITEMS: Mapping[str, Item] = {
    "text": message_item(SAID["text"]),
    "refusal": message_item(refusal=SAID["refusal"]),
    "arguments": call_item("f", ARGUMENTS),
    "reasoning": {
        "id": "rs_1",
        "type": "reasoning",
        "content": [{"type": "reasoning_text", "text": SAID["reasoning"]}],
    },
    "summary": reasoning_item(SAID["summary"], encrypted=None),
}
EVENTS = {
    "text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "arguments": ("function_call_arguments", "arguments"),
    "reasoning": ("reasoning_text", "text"),
    "summary": ("reasoning_summary_text", "text"),
}


def event(kind: str, **fields: Any) -> bytes:
    return named_sse(Event({"type": kind, **fields}, 0, kind), None)


def events(what: str, places: tuple[str, ...]) -> Iterator[bytes]:
    item, said, (name, member) = ITEMS[what], SAID[what], EVENTS[what]
    place = {"item_id": item["id"], "output_index": 0}
    if "added" in places:
        yield event("response.output_item.added", output_index=0, item=item)
    elif what == "arguments":  # a call that never names its function is no call
        yield event("response.output_item.added", output_index=0, item={**item, "arguments": ""})
    if "deltas" in places:
        yield event(f"response.{name}.delta", **place, delta=said[:3])
        yield event(f"response.{name}.delta", **place, delta=said[3:] or "")
    if "done" in places:
        yield event(f"response.{name}.done", **place, **{member: said})
    if "item.done" in places:
        yield event("response.output_item.done", output_index=0, item=item)
    # At the end of a response servers give other ids than in its events.
    whole = [{**item, "id": "another"}] if "completed" in places else []
    yield event("response.completed", response={"status": "completed", "output": whole})


def read(*blocks: bytes) -> list[Piece]:
    reader = ResponseReader("m")
    return [*(piece for block in blocks for piece in reader.read(block)), *reader.end()]


@pytest.mark.parametrize("places", SETS, ids="+".join)
@pytest.mark.parametrize("what", ITEMS)
def test_an_item_is_returned_once_wherever_it_is_sent(what: str, places: tuple[str, ...]) -> None:
    pieces = read(*events(what, places))
    told = [piece for piece in pieces if isinstance(piece, Text | RefusalPiece | CallArguments | ReasoningPiece)]
    assert "".join(one.arguments if isinstance(one, CallArguments) else one.text for one in told) == SAID[what]
    assert {one.index for one in told} == {0}
    assert len({type(one) for one in told}) == 1
    assert isinstance(pieces[-1], Ending)


def test_an_item_that_only_the_end_has_is_returned_last() -> None:
    whole = [ITEMS["text"], ITEMS["arguments"], {**ITEMS["arguments"], "id": "fc_2", "call_id": "call_2"}]
    deltas = [
        event("response.output_text.delta", output_index=0, item_id="msg_1", delta="Hello"),
        event("response.completed", response={"status": "completed", "output": whole}),
    ]
    pieces = read(*deltas)
    assert [type(one) for one in pieces[1:-1]] == [
        Text,
        *(CallStarted, CallArguments, CallFinished),
        *(CallStarted, CallArguments, CallFinished),
    ]
    assert pieces[-1] == Ending(FinishReason.TOOL_CALLS, None)


@pytest.mark.parametrize("ids", [{}, {"call_id": "c"}, {"id": "x"}, {"id": "x", "call_id": "c"}])
def test_no_two_calls_have_the_same_id(ids: dict[str, str]) -> None:
    call = {"type": "function_call", "name": "f", "arguments": {"a": 1}, **ids}
    done = [event("response.output_item.done", output_index=index, item=call) for index in range(2)]
    pieces = read(*done, event("response.completed", response={"status": "completed", "output": [call, call]}))
    one, other = (piece.id for piece in pieces if isinstance(piece, CallStarted))
    assert one != other
    assert [piece for piece in pieces if isinstance(piece, CallArguments)] == [
        CallArguments(0, '{"a":1}'),
        CallArguments(1, '{"a":1}'),
    ]


def test_encrypted_reasoning_is_returned_once() -> None:
    item = reasoning_item("hm")
    done = event("response.output_item.done", output_index=0, item=item)
    pieces = read(done, event("response.completed", response={"status": "completed", "output": [item]}))
    assert [piece.redacted for piece in pieces if isinstance(piece, ReasoningPiece)] == [b"", b"gAAAA=="]
