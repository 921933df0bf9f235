"""The MCP server that offers a program's tools: lists them, answers calls, and stops running calls.

It uses the SDK's low-level Server. MCPServer would check arguments by a function's signature, put rejected values (a
prompt) into the error's text, ignore names that it does not know, and offer prompts and resources.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import anyio
import mcp_types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from llm_relay import VERSION
from llm_relay.caller_tokens import Caller
from llm_relay.errors import Cancelled, Draining, Internal, RelayError, TooLarge
from llm_relay.mcp.cancel_scopes import CancelScopes
from llm_relay.mcp.own_task import run_in_own_task
from llm_relay.mcp.progress import Progress
from llm_relay.mcp.repeated_members import refuse_repeated
from llm_relay.mcp.scope_keys import CALLER, CANCEL_SCOPES, RAW_ARGUMENTS, REPEATED_ARGUMENTS, TOO_LARGE
from llm_relay.mcp.tool import CallContext, Tool
from llm_relay.mcp.tool_arguments import without_client_extras
from llm_relay.mcp.tool_metrics import SUCCESS, create_count
from llm_relay.mcp.tool_results import error_result, success_result
from llm_relay.program.logs.errors_without_text import class_and_place
from llm_relay.program.traces.tracing import interface_span
from llm_relay.trace_context import TraceContext

_ITSELF = Caller()
RequestContext = ServerRequestContext[Any, Request]

LAST_ANSWERS_S = 0.2
"""How long the server waits at its end for the last answers to reach their clients."""
TOOLS_FRESH_MS = 300_000
"""How long a client may cache the list of tools."""

logger = logging.getLogger("relay.mcp")


class ToolServer:
    """An MCP server of these tools, for any transport."""

    def __init__(self, name: str, tools: Iterable[Tool], *, instructions: str) -> None:
        self._tools = {tool.definition.name: tool for tool in tools}
        self._count = create_count(name)
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
        """Refuses new calls from now on, and waits at most `grace_s` seconds until no call is running."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._idle.wait()

    async def stop(self) -> None:
        """Cancels running calls and refuses new ones. The answer to each says that the server is stopping."""
        self._running.cancel()
        await asyncio.sleep(LAST_ANSWERS_S)

    def _input_schema(self, name: str) -> dict[str, Any] | None:
        tool = self._tools.get(name)
        return tool.definition.input_schema if tool else None

    async def _list(self, _: RequestContext, __: mcp_types.PaginatedRequestParams | None) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool.definition for tool in self._tools.values()])

    async def _call(self, context: RequestContext, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        if _request_scope(context).get(TOO_LARGE):
            return error_result(TooLarge())
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(mcp_types.INVALID_PARAMS, f"Unknown tool: {ascii(params.name)[:80]}")
        if self._draining:
            return error_result(Draining())
        arguments = _request_scope(context).get(RAW_ARGUMENTS) or params.arguments or {}
        result = await self._result(tool, arguments, context)
        self._count(params.name, (result.meta or {}).get("reason", SUCCESS))
        return result

    async def _result(
        self, tool: Tool, arguments: Mapping[str, Any], context: RequestContext
    ) -> mcp_types.CallToolResult:
        with self._counted(), self._running.scope(), _request_cancel_scope(context):
            return await run_in_own_task(_traced_answer(tool, arguments, context))
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


def _request_cancel_scope(context: RequestContext) -> anyio.CancelScope:
    scopes = _request_scope(context).get(CANCEL_SCOPES)
    return scopes.scope() if isinstance(scopes, CancelScopes) else anyio.CancelScope()


def _request_scope(context: RequestContext) -> Mapping[str, Any]:
    return context.request.scope if context.request is not None else {}


async def _traced_answer(tool: Tool, arguments: Mapping[str, Any], context: RequestContext) -> mcp_types.CallToolResult:
    parent = TraceContext.from_meta(context.meta)
    if parent is None:
        parent = TraceContext.from_headers(_request_scope(context).get("headers", ()))
    name = tool.definition.name
    with interface_span(
        f"tools/call {name}",
        parent,
        **{"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name},
    ) as span:
        result = await _answer(tool, arguments, context)
        if result.is_error:
            span.error = (result.meta or {}).get("reason", "tool_error")
        return result


async def _answer(tool: Tool, arguments: Mapping[str, Any], context: RequestContext) -> mcp_types.CallToolResult:
    try:
        refuse_repeated(_request_scope(context).get(REPEATED_ARGUMENTS, ()))
        output = await tool.answer(_declared_arguments(tool, arguments), _call_context(context))
        tool.document.validate_python(output.document)
        return success_result(output)
    except RelayError as error:
        _log_failure(tool, error)
        return error_result(error)
    except Exception as error:  # noqa: BLE001 - the outermost handler; neither caller nor log may see an error's text
        logger.error("unexpected %s", class_and_place(error))  # noqa: TRY400 - a traceback contains it
        return error_result(Internal())


def _declared_arguments(tool: Tool, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    kept, extras = without_client_extras(arguments, tool.declared)
    if extras:
        facts = {"tool": tool.definition.name, "arguments": ",".join(extras)}
        logger.info("ignored arguments that the client added", extra={"facts": facts})
    return kept


def _call_context(context: RequestContext) -> CallContext:
    wants_progress = (context.meta or {}).get("progress_token") is not None
    return CallContext(
        caller=_request_scope(context).get(CALLER, _ITSELF),
        progress=Progress(context.session.report_progress if wants_progress else None),
    )


def _log_failure(tool: Tool, error: RelayError) -> None:
    facts = {"tool": tool.definition.name, "outcome": error.reason, "request_id": error.request_id or None}
    logger.warning("tool failed", extra={"facts": facts})
