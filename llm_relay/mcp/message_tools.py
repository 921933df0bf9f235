"""The message tools: one returns the whole answer, the other reports its text as it arrives."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Annotated, Any, NotRequired

import mcp_types
from pydantic import Field

from llm_relay.caller_tokens import Caller
from llm_relay.documents import (
    AnswerDocument,
    FinishDocument,
    PartDocument,
    PromptDocument,
    answer_document,
    arguments_schema,
    finish_document,
    part_document,
    prompt_from_document,
)
from llm_relay.errors import Internal
from llm_relay.mcp import tool
from llm_relay.mcp.finish_notices import with_finish_notice
from llm_relay.mcp.progress import Progress
from llm_relay.mcp.tool import CallContext, Tool, create_tool
from llm_relay.mcp.tool_results import ToolOutput
from llm_relay.messages import Answer, Delta, Event, Finished, OutputDelta, Prompt, Started, answer_parts

Process = Callable[[Prompt, Caller], Awaitable[Answer]]
"""Returns the whole answer to a caller's prompt."""
StreamProcess = Callable[[Prompt, Caller], AsyncGenerator[Event, None]]
"""Streams the answer to a caller's prompt."""

WHOLE = "Asks a language model and returns its whole answer."
STREAMED = "Asks a language model and returns its text, which is also reported as progress while it is written."
NO_MEMORY = "It remembers nothing between calls: pass earlier turns in history."


class StreamedDocument(FinishDocument):
    """A streamed answer, and how it ended."""

    text: str
    parts: NotRequired[Annotated[list[PartDocument], Field(description="The whole output, unless it is only text")]]


def create_whole_tool(name: str, *, title: str, hint: str, process: Process) -> Tool:
    """Returns the tool that gives whole answers. `hint` is the server's own end of the tool's description."""

    async def answer(arguments: Mapping[str, Any], context: CallContext) -> ToolOutput:
        prompt = prompt_from_document(arguments)
        async with context.progress.reporting():
            answer = await process(prompt, context.caller)
        text = with_finish_notice(answer.text, answer.finished.finish_reason)
        return ToolOutput(text=text, document=answer_document(answer))

    return _create(name, title, f"{WHOLE} {NO_MEMORY} {hint}", AnswerDocument, answer)


def create_stream_tool(name: str, *, title: str, hint: str, stream_process: StreamProcess) -> Tool:
    """Returns the tool that reports text as progress and returns all of it. `hint` is as in `create_whole_tool`."""

    async def answer(arguments: Mapping[str, Any], context: CallContext) -> ToolOutput:
        prompt = prompt_from_document(arguments)
        async with (
            context.progress.reporting(),
            contextlib.aclosing(stream_process(prompt, context.caller)) as events,
        ):
            deltas, started, finished = await _followed(events, context.progress)
        text = "".join(delta.text for delta in deltas if isinstance(delta, Delta))
        end = finish_document(started.request_id, started.provider, finished)
        document = StreamedDocument(**end, text=text)  # type: ignore[typeddict-item]  # parts are optional
        if parts := answer_parts(deltas, started.provider):
            document["parts"] = [part_document(part) for part in parts]
        return ToolOutput(text=with_finish_notice(text, finished.finish_reason), document=document)

    return _create(name, title, f"{STREAMED} {NO_MEMORY} {hint}", StreamedDocument, answer)


async def _followed(
    events: AsyncGenerator[Event, None], progress: Progress
) -> tuple[list[OutputDelta], Started, Finished]:
    """Reports only the text of a stream. Returns its deltas, and its first and last event."""
    deltas: list[OutputDelta] = []
    started: Started | None = None
    finished: Finished | None = None
    async for event in events:
        match event:
            case Delta():
                deltas.append(event)
                progress.add(event.text)
                await progress.wait_for_room()
            case Started():
                started = event
            case Finished():
                finished = event
            case _:
                deltas.append(event)
    if started is None or finished is None:
        raise Internal
    return deltas, started, finished


def _create(name: str, title: str, description: str, document: type, answer: tool.Answer) -> Tool:
    # Not read-only, because a call spends money.
    return create_tool(
        name,
        title=title,
        description=description,
        annotations=mcp_types.ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True),
        input_schema=arguments_schema(PromptDocument, in_full=("history",)),
        document=document,
        answer=answer,
    )
