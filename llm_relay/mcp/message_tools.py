"""The message tools: a prompt's JSON schema, and the whole and the streamed answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import mcp_types

from llm_relay.documents import AnswerDocument, FinishDocument, answer_document, finish_document, prompt_from_document
from llm_relay.errors import Internal
from llm_relay.mcp.progress import Progress
from llm_relay.mcp.results import Said
from llm_relay.mcp.tools import Asking, Tool, create_tool
from llm_relay.messages import (
    MAX_TEMPERATURE,
    MAX_TOKENS_LIMIT,
    REQUEST_ID_PATTERN,
    Answer,
    Delta,
    Event,
    Finished,
    Prompt,
    Started,
)

Process = Callable[[Prompt, str], Awaitable[Answer]]
"""Answers a caller's prompt whole."""
StreamProcess = Callable[[Prompt, str], AsyncGenerator[Event, None]]
"""Streams the answer to a caller's prompt."""

_TURN: dict[str, Any] = {
    "type": "object",
    "properties": {"role": {"enum": ["user", "assistant"]}, "text": {"type": "string"}},
    "required": ["role", "text"],
    "additionalProperties": False,
}
PROMPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "minLength": 1, "description": "What to say to the model; not blank"},
        "context": {"type": "string", "description": "System prompt"},
        "history": {"type": "array", "items": _TURN, "description": "Earlier turns, oldest first"},
        "model": {"type": "string", "description": "Model to ask; the server's default if absent"},
        "temperature": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_TEMPERATURE,
            "description": "0 (steady) to 2 (wild); the server's default if absent",
        },
        "max_tokens": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_TOKENS_LIMIT,
            "description": "Most tokens of the answer; the server's default if absent",
        },
        "request_id": {
            "type": "string",
            "pattern": f"^{REQUEST_ID_PATTERN}$",
            "description": "Idempotency key: a call that is repeated with it is answered once and paid for once",
        },
    },
    "required": ["message"],
    "additionalProperties": False,
}


class StreamedDocument(FinishDocument):
    """A streamed answer, and how it ended."""

    text: str


def whole_tool(function: Callable[..., object], *, title: str, process: Process) -> Tool:
    """Makes the tool that answers a prompt whole, with a sign of life now and then."""

    async def answer(arguments: Mapping[str, Any], asking: Asking) -> Said:
        prompt = prompt_from_document(arguments)
        async with asking.progress.telling():
            answer = await process(prompt, asking.caller)
        return Said(answer.text, answer_document(answer))

    return _message_tool(function, title, AnswerDocument, answer)


def stream_tool(function: Callable[..., object], *, title: str, stream_process: StreamProcess) -> Tool:
    """Makes the tool that tells of the answer's text by progress as it comes, and ends with the whole of it."""

    async def answer(arguments: Mapping[str, Any], asking: Asking) -> Said:
        prompt = prompt_from_document(arguments)
        async with asking.progress.telling(), contextlib.aclosing(stream_process(prompt, asking.caller)) as events:
            document = await _streamed(events, asking.progress)
        return Said(document["text"], document)

    return _message_tool(function, title, StreamedDocument, answer)


async def _streamed(events: AsyncGenerator[Event, None], progress: Progress) -> StreamedDocument:
    texts: list[str] = []
    started: Started | None = None
    finished: Finished | None = None
    async for event in events:
        match event:
            case Delta():
                texts.append(event.text)
                progress.add(event.text)
                await progress.room()
            case Started():
                started = event
            case Finished():
                finished = event
    if started is None or finished is None:
        raise Internal
    return {"text": "".join(texts), **finish_document(started.request_id, started.provider, finished)}


def _message_tool(
    function: Callable[..., object],
    title: str,
    document: type,
    answer: Callable[[Mapping[str, Any], Asking], Awaitable[Said]],
) -> Tool:
    # Not read-only: a call spends money. Not idempotent either, unless it bears a request_id.
    annotations = mcp_types.ToolAnnotations(
        title=title, read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
    )
    return create_tool(function, annotations=annotations, arguments=PROMPT, document=document, answer=answer)
