"""Splits the mock's answer into pieces: words, or parts of a call's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llm_relay.messages import Part, Reasoning, TextPart, ToolCall
from server_b.providers.base import Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ContentPiece, ReasoningPiece

ARGUMENTS_CHARS = 8


def pieces_of(parts: Sequence[Part], *, text_at_once: bool = False) -> Iterator[Text | ContentPiece]:
    """Yields the parts' pieces in order. With `text_at_once`, each text is one piece."""
    for index, part in enumerate(parts):
        match part:
            case TextPart():
                texts = [part.text] if text_at_once else words(part.text)
                yield from (Text(text, index=index) for text in texts)
            case ToolCall():
                yield CallStarted(index, part.id, part.name)
                yield from (CallArguments(index, piece) for piece in _cut(part.arguments_json))
                yield CallFinished(index, part.signature)
            case Reasoning():
                yield from (ReasoningPiece(index, text=word) for word in words(part.text))
                yield ReasoningPiece(index, signature=part.signature)
            case _:  # the mock has no other parts
                continue


def words(text: str) -> list[str]:
    """Splits a text after each space. The words concatenate to the text."""
    parts = text.split(" ")
    return [f"{part} " for part in parts[:-1]] + parts[-1:]


def _cut(text: str) -> Iterator[str]:
    for start in range(0, len(text), ARGUMENTS_CHARS):
        yield text[start : start + ARGUMENTS_CHARS]
