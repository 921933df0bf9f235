"""The mock's texts: fixed texts, and a sentence for each thing that it was shown or asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llm_relay.messages import Document, Image, Part, Prompt, TextPart, ToolCall, ToolResult, Turn

WHOLE_TEXT = (
    "[MOCK RESPONSE #{number}] You said: '{message}'. This is a test response without calling any external API."
)
STREAM_TEXT = "[MOCK STREAM #{number}] You said: '{message}'. This is a streaming test response."
MOST_COUNTED = 100

_MY_NAME_IS = re.compile(r"\bmy name is\s+(\w+(?:['-]\w+)*)", re.IGNORECASE)
_COUNT = re.compile(r"\bcount(?: up)?(?: from\s+([0-9]{1,3}))?(?: up)? to\s+([0-9]{1,3})\b", re.IGNORECASE)


def text_of(prompt: Prompt, *, number: int, whole: bool) -> str:
    """Returns the fixed text of answer `number`, with a sentence for each tool result, image and known question."""
    text = (WHOLE_TEXT if whole else STREAM_TEXT).format(number=number, message=prompt.message)
    return " ".join([text, *_results(prompt), *_seen(prompt.parts), *_answers(prompt)])


def asked_text(prompt: Prompt) -> str:
    """Returns the text of what the user says now, without images and other parts."""
    return " ".join([prompt.message, *(part.text for part in prompt.parts if isinstance(part, TextPart))])


def _answers(prompt: Prompt) -> Iterator[str]:
    asked = asked_text(prompt)
    if "my name" in asked.lower() and (name := _name_of_user(prompt.history)):
        yield f"Your name is {name}."
    if found := _COUNT.search(asked):
        begin, end = int(found[1] or 1), int(found[2])
        if 1 <= begin <= end <= MOST_COUNTED:
            yield ", ".join(map(str, range(begin, end + 1))) + "."


def _name_of_user(history: tuple[Turn, ...]) -> str:
    """Returns the name that the user gave last."""
    for turn in reversed(history):
        texts = [turn.text, *(part.text for part in turn.parts if isinstance(part, TextPart))]
        for text in reversed(texts):
            if names := _MY_NAME_IS.findall(text):
                return str(names[-1])
    return ""


def _results(prompt: Prompt) -> Iterator[str]:
    names = {call.id: call.name for turn in prompt.history for call in turn.parts if isinstance(call, ToolCall)}
    for result in prompt.parts:
        if isinstance(result, ToolResult):
            said = "failed" if result.is_error else "said"
            yield f"The tool {names.get(result.tool_call_id, '')} {said}: '{_quoted(result)}'."
            yield from _seen(result.content)


def _quoted(result: ToolResult) -> str:
    texts = [part.text for part in result.content if isinstance(part, TextPart)]
    return " ".join(texts) if texts or result.structured_json is None else result.structured_json


def _seen(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Image):
            yield f"I see an image: {_described(part)}."
        elif isinstance(part, Document):
            name = f" named '{part.name}'" if part.name else ""
            yield f"I see a document{name}: {_described(part)}."


def _described(source: Image | Document) -> str:
    size = f"{len(source.data)} bytes" if source.data else f"at {source.url}"
    return f"{source.media_type}, {size}" if source.media_type else size
