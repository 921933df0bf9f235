"""Tools, and the MCP server that offers them: its schemas, its errors, and the end of its calls.

It stands on the SDK's low-level Server. MCPServer would check arguments by a function's signature, put rejected
values (a prompt) into the error's text, drop names that it does not know, and offer prompts and resources.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import mcp_types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter
from starlette.requests import Request

from llm_relay import VERSION
from llm_relay.errors import Cancelled, Draining, Internal, InvalidRequest, RelayError, Violation
from llm_relay.mcp.cancel_scopes import CancelScopes, apart
from llm_relay.mcp.progress import Progress
from llm_relay.mcp.results import Said, error_result, result_of
from llm_relay.program.unexpected import class_and_place
from llm_relay.tokens import ANONYMOUS

D = TypeVar("D", bound=Mapping[str, Any])
Context = ServerRequestContext[Any, Request]

DEPARTURE = "relay.departure"
"""Key of an ASGI scope: the CancelScopes of the calls that end when its client gives the request up."""
LAST_WORDS_S = 0.2
"""How long the last answers have to reach their clients."""
TOOLS_FRESH_MS = 300_000

logger = logging.getLogger("relay.mcp")


@dataclass(frozen=True, slots=True)
class Asking:
    """Who called a tool, and how they are told how it gets on."""

    caller: str
    """The token's name; ANONYMOUS without tokens and over stdio."""
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as clients see it, and what answers a call."""

    definition: mcp_types.Tool
    document: TypeAdapter[Any]
    """What the structured content must be."""
    answer: Callable[[Mapping[str, Any], Asking], Awaitable[Said]]
    """Answers a call with these arguments; raises RelayError."""


def create_tool(
    function: Callable[..., object],
    *,
    annotations: mcp_types.ToolAnnotations,
    arguments: dict[str, Any],
    document: type,
    answer: Callable[[Mapping[str, Any], Asking], Awaitable[Said]],
) -> Tool:
    """Makes the tool that bears a coroutine function's name and the first paragraph of its docstring.

    `arguments` is the JSON schema of the arguments, `document` the TypedDict of the structured content.
    """
    adapter = TypeAdapter[Any](document)
    definition = mcp_types.Tool(
        name=function.__name__,
        title=annotations.title,
        description=(inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " "),
        input_schema=arguments,
        output_schema=adapter.json_schema(),
        annotations=annotations,
    )
    return Tool(definition=definition, document=adapter, answer=answer)


def lookup_tool(
    function: Callable[[], Awaitable[D]], *, title: str, document: type[D], text: Callable[[D], str], open_world: bool
) -> Tool:
    """Makes a tool of a coroutine function without arguments, that changes nothing; `text` puts it for the model."""

    async def answer(arguments: Mapping[str, Any], _: Asking) -> Said:
        if arguments:
            raise InvalidRequest.of(*(Violation(ascii(name)[1:-1][:40], "is not a known field") for name in arguments))
        found = await function()
        return Said(text(found), found)

    annotations = mcp_types.ToolAnnotations(
        title=title, read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=open_world
    )
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    return create_tool(function, annotations=annotations, arguments=nothing, document=document, answer=answer)


class ToolServer:
    """An MCP server of these tools, for any transport."""

    def __init__(self, name: str, tools: Iterable[Tool], *, instructions: str) -> None:
        self._tools = {tool.definition.name: tool for tool in tools}
        self._running = CancelScopes()
        self._calls = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.protocol: Server[Any] = Server(
            name,
            version=VERSION,
            instructions=instructions,
            cache_hints={"tools/list": CacheHint(ttl_ms=TOOLS_FRESH_MS, scope="public")},
            get_tool_input_schema=self._input_schema,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def drain(self, grace_s: float) -> None:
        """Refuses new calls from now on, and waits until none runs, `grace_s` seconds at most."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._idle.wait()

    async def stop(self) -> None:
        """Cancels the calls that run and refuses new ones; each is answered that the server is stopping."""
        self._running.cancel()
        await asyncio.sleep(LAST_WORDS_S)

    def _input_schema(self, name: str) -> dict[str, Any] | None:
        tool = self._tools.get(name)
        return tool.definition.input_schema if tool else None

    async def _list(self, _: Context, __: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool.definition for tool in self._tools.values()])

    async def _call(self, context: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(mcp_types.INVALID_PARAMS, f"Unknown tool: {ascii(params.name)[:80]}")
        if self._draining:
            return error_result(Draining())
        with self._counted(), self._running.scope(), _departure(context.request):
            return await apart(_answer(tool, params.arguments or {}, context))
        return error_result(Draining() if self._running.cancelled else Cancelled())

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()


def _departure(request: Request | None) -> anyio.CancelScope:
    calls = request.scope.get(DEPARTURE) if request is not None else None
    return calls.scope() if isinstance(calls, CancelScopes) else anyio.CancelScope()


async def _answer(tool: Tool, arguments: Mapping[str, Any], context: Context) -> mcp_types.CallToolResult:
    try:
        said = await tool.answer(arguments, _asking(context))
        tool.document.validate_python(said.document)
        return result_of(said)
    except RelayError as error:
        _log(tool, error)
        return error_result(error)
    except Exception as error:  # noqa: BLE001 - the outer door; neither caller nor log may see an error's text
        logger.error("unexpected %s", class_and_place(error))  # noqa: TRY400 - a traceback has it
        return error_result(Internal())


def _asking(context: Context) -> Asking:
    user = context.request.scope.get("user") if context.request is not None else None
    told = (context.meta or {}).get("progress_token") is not None
    return Asking(
        caller=getattr(user, "username", ANONYMOUS),
        progress=Progress(context.session.report_progress if told else None),
    )


def _log(tool: Tool, error: RelayError) -> None:
    facts = {"tool": tool.definition.name, "outcome": error.reason, "request_id": error.request_id or None}
    logger.warning("tool failed", extra={"facts": facts})
