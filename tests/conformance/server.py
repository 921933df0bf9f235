"""The server that the conformance suite tests."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import MCPServer, RequestStateSecurity
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp.types import (
    CompleteRequestParams,
    CompleteResult,
    Completion,
    EmptyResult,
    JSONRPCMessage,
    RequestParams,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

from llm_relay.addresses import listen
from llm_relay.caller_tokens import Tokens
from llm_relay.client.caller_check import CallerCheck
from llm_relay.client.channel import Dial
from llm_relay.http.serving import create_server
from llm_relay.mcp.http.applications import open_streamable
from llm_relay.mcp.http.endpoint import HttpEndpoint
from tests.conformance import contents, input_required, questions

RECONNECT_MS = 100
JSON_SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


class Events(EventStore):
    """Stores every event, for clients that reconnect."""

    def __init__(self) -> None:
        self._events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        last = int(last_event_id)
        stream_id = self._events[last - 1][0]
        for number, (stream, message) in enumerate(self._events[last:], start=last + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id


def create_fixtures() -> MCPServer:
    """Creates the server with everything that the suite asks for."""
    key = b"it protects nothing, and has 32 bytes or more"
    server = MCPServer("conformance", version="0", request_state_security=RequestStateSecurity(keys=[key]))
    contents.add_tools(server)
    contents.add_notifying_tools(server)
    contents.add_resources(server)
    contents.add_prompts(server)
    questions.add_question_tools(server)
    questions.add_stateless_tools(server)
    input_required.add_one_question_tools(server)
    input_required.add_several_question_tools(server)
    input_required.add_prompt(server)
    input_required.add_state_tools(server)

    @server.tool(description="Json schema 2020 12 tool")
    def json_schema_2020_12_tool() -> str:
        return "its schema is what counts"

    server._tool_manager._tools["json_schema_2020_12_tool"].parameters = JSON_SCHEMA_2020_12
    methods: dict[str, type[RequestParams]] = {
        "logging/setLevel": SetLevelRequestParams,
        "resources/subscribe": SubscribeRequestParams,
        "resources/unsubscribe": UnsubscribeRequestParams,
    }
    protocol = server._lowlevel_server
    for method, params in methods.items():
        protocol.add_request_handler(method, params, _accept)
    protocol.add_request_handler("completion/complete", CompleteRequestParams, _complete)
    return server


async def _accept(_: ServerRequestContext[Any, Any], __: RequestParams) -> EmptyResult:
    return EmptyResult()


async def _complete(_: ServerRequestContext[Any, Any], __: CompleteRequestParams) -> CompleteResult:
    return CompleteResult(completion=Completion(values=[], total=0, has_more=False))


@contextlib.asynccontextmanager
async def serving_fixtures() -> AsyncIterator[str]:
    """Serves the fixtures the way the relay's programs serve their tools; yields the URL."""
    endpoint = HttpEndpoint(
        host="127.0.0.1",
        port=0,
        port_setting="",
        allowed_hosts=(),
        allowed_origins=(),
        callers=CallerCheck(Tokens.parse(""), Dial()),
        certificates=None,
        max_message_bytes=2**22,
        drain_s=1,
        stall_s=30,
    )
    listener = listen(endpoint.host, endpoint.port)
    options = {"event_store": Events(), "retry_interval": RECONNECT_MS}
    async with (
        anyio.create_task_group() as tasks,
        open_streamable(create_fixtures()._lowlevel_server, endpoint, **options) as app,
    ):
        server = create_server(app, certificates=None, grace_s=1, lifespan="off")
        tasks.start_soon(server.serve, [listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        server.stop_accepting()
