"""Content blocks of Converse as the events of ConverseStream."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.standins.answer import Event

DELTA_CHARS = 7


def block_events(index: int, block: Mapping[str, Any]) -> Iterator[Event]:
    """Yields a block's start where it has one, its deltas, and its stop."""
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
