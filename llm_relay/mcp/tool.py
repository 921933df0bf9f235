"""A tool: what clients see of it, and the coroutine that answers a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import mcp_types
from pydantic import TypeAdapter

from llm_relay.caller_tokens import Caller
from llm_relay.documents import result_schema
from llm_relay.mcp.progress import Progress
from llm_relay.mcp.tool_arguments import refuse_all
from llm_relay.mcp.tool_results import ToolOutput

D = TypeVar("D", bound=Mapping[str, Any])

NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """Who called a tool, and how progress is reported to them."""

    caller: Caller
    """The owner of the request's token; over stdio the program itself."""
    progress: Progress


Answer = Callable[[Mapping[str, Any], CallContext], Awaitable[ToolOutput]]
"""Answers a call with these arguments; raises RelayError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as clients see it, and the coroutine that answers a call."""

    definition: mcp_types.Tool
    document: TypeAdapter[Any]
    """Validates the structured content."""
    answer: Answer

    @property
    def declared(self) -> Mapping[str, Any]:
        """The arguments that it accepts, by name."""
        properties: Mapping[str, Any] = self.definition.input_schema["properties"]
        return properties


def create_tool(
    name: str,
    *,
    title: str,
    description: str,
    annotations: mcp_types.ToolAnnotations,
    input_schema: dict[str, Any],
    document: type,
    answer: Answer,
) -> Tool:
    """Returns a tool. `document` is the TypedDict of its structured content."""
    definition = mcp_types.Tool(
        name=name,
        title=title,
        description=description,
        input_schema=input_schema,
        output_schema=result_schema(document),
        annotations=annotations,
    )
    return Tool(definition=definition, document=TypeAdapter(document), answer=answer)


def create_lookup_tool(
    function: Callable[[], Awaitable[D]],
    *,
    title: str,
    description: str,
    document: type[D],
    text: Callable[[D], str],
    asks_provider: bool = False,
) -> Tool:
    """Returns a tool, named like `function`, that takes no arguments and changes nothing.

    `text` writes the document for the model. `asks_provider`: the answer comes from outside the relay.
    """

    async def of_any_caller(_: Caller) -> D:
        return await function()

    return _create_lookup(
        function.__name__,
        of_any_caller,
        title=title,
        description=description,
        document=document,
        text=text,
        asks_provider=asks_provider,
    )


def create_caller_tool(
    function: Callable[[Caller], Awaitable[D]],
    *,
    title: str,
    description: str,
    document: type[D],
    text: Callable[[D], str],
    asks_provider: bool = False,
) -> Tool:
    """Returns a tool as `create_lookup_tool` does, whose answer depends on the caller."""
    return _create_lookup(
        function.__name__,
        function,
        title=title,
        description=description,
        document=document,
        text=text,
        asks_provider=asks_provider,
    )


def _create_lookup(
    name: str,
    function: Callable[[Caller], Awaitable[D]],
    *,
    title: str,
    description: str,
    document: type[D],
    text: Callable[[D], str],
    asks_provider: bool,
) -> Tool:
    async def answer(arguments: Mapping[str, Any], context: CallContext) -> ToolOutput:
        refuse_all(arguments)
        found = await function(context.caller)
        return ToolOutput(text=text(found), document=found)

    return create_tool(
        name,
        title=title,
        description=description,
        annotations=mcp_types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, open_world_hint=asks_provider
        ),
        input_schema=NO_ARGUMENTS,
        document=document,
        answer=answer,
    )
