"""Turns an answer's deltas into parts: one part for each block, in the order in which the blocks began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_relay.messages.events import Delta, OutputDelta, ReasoningDelta, RefusalDelta, ToolCallFinished
from llm_relay.messages.parts import Part, Reasoning, Refusal, TextPart


def answer_parts(deltas: Sequence[OutputDelta], provider: str) -> tuple[Part, ...]:
    """Returns the parts of an answer by `provider`; none if it is only text. Unfinished tool calls are left out."""
    if all(type(delta) is Delta for delta in deltas):
        return ()
    blocks: dict[int, list[OutputDelta]] = {}
    for delta in deltas:
        blocks.setdefault(delta.index, []).append(delta)
    parts = tuple(part for block in blocks.values() for part in _parts(block, provider))
    return () if all(isinstance(part, TextPart) for part in parts) else parts


def _parts(block: list[OutputDelta], provider: str) -> Iterator[Part]:
    match block[0]:
        case Delta():
            yield TextPart(text="".join(delta.text for delta in block if isinstance(delta, Delta)))
        case RefusalDelta():
            yield Refusal(text="".join(delta.text for delta in block if isinstance(delta, RefusalDelta)))
        case ReasoningDelta():
            thoughts = [delta for delta in block if isinstance(delta, ReasoningDelta)]
            yield Reasoning(
                text="".join(delta.text for delta in thoughts),
                signature=b"".join(delta.signature for delta in thoughts),
                redacted=b"".join(delta.redacted for delta in thoughts),
                id=next((delta.id for delta in thoughts if delta.id), ""),
                provider=provider,
            )
        case _:
            yield from (delta.call for delta in block if isinstance(delta, ToolCallFinished))
