"""Content blocks of Converse as the events of ConverseStream."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.standins.answer import Event
from tests.standins.script import Call, Script

DELTA_CHARS = 7
SIGNATURE = "EqQBCgIYAhIk+/=="
"""The signature of scripted reasoning."""
Block = Mapping[str, Any]


def reasoning_blocks(script: Script) -> list[Block]:
    """Returns a script's reasoning as blocks, one at most."""
    said = {"text": script.reasoning, "signature": SIGNATURE}
    return [{"reasoningContent": {"reasoningText": said}}] if script.reasoning else []


def call_blocks(script: Script) -> list[Block]:
    """Returns a script's calls as blocks."""
    return [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": json.loads(call.arguments or "{}")}}
        for call in script.calls
    ]


def call_events(index: int, call: Call) -> Iterator[Event]:
    """Yields the events of a scripted call; a fragment of its arguments counts as a word."""
    place = {"contentBlockIndex": index, "p": "ab"}
    start = {"toolUse": {"toolUseId": call.id, "name": call.name}}
    yield Event({**place, "start": start}, name="contentBlockStart")
    yield Event({**place, "delta": {"toolUse": {"input": ""}}}, name="contentBlockDelta")
    for fragment in call.fragments:
        yield Event({**place, "delta": {"toolUse": {"input": fragment}}}, 1, "contentBlockDelta")
    yield Event(place, name="contentBlockStop")


def block_events(index: int, block: Mapping[str, Any]) -> Iterator[Event]:
    """Yields a block's start if it has one, its deltas, and its stop."""
    if call := block.get("toolUse"):
        start = {"toolUseId": call["toolUseId"], "name": call["name"]}
        yield Event({"contentBlockIndex": index, "start": {"toolUse": start}, "p": "ab"}, name="contentBlockStart")
    for delta in _deltas(block):
        yield Event({"contentBlockIndex": index, "delta": delta, "p": "ab"}, name="contentBlockDelta")
    yield Event({"contentBlockIndex": index, "p": "ab"}, name="contentBlockStop")


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    match block:
        case {"toolUse": {"input": arguments}}:
            yield {"toolUse": {"input": ""}}
            for part in _parts(json.dumps(arguments) if arguments else ""):
                yield {"toolUse": {"input": part}}
        case {"reasoningContent": {"reasoningText": reasoning}}:
            for part in _parts(reasoning["text"]):
                yield {"reasoningContent": {"text": part}}
            if signature := reasoning.get("signature"):
                yield {"reasoningContent": {"signature": signature}}
        case {"reasoningContent": {"redactedContent": redacted}}:
            yield {"reasoningContent": {"redactedContent": redacted}}
        case {"text": text}:
            for part in _parts(text):
                yield {"text": part}
        case _:
            raise ValueError(f"no such block: {block}")


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), DELTA_CHARS):
        yield text[start : start + DELTA_CHARS]
