"""Server B's own tools: coroutines for Python, and the same as MCP tools, on the Relay without a hop.

The coroutines read the settings at their first use on an event loop, and keep one Relay for each.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    HealthDocument,
    TurnDocument,
    answer_document,
    config_document,
    health_document,
    prompt_of,
)
from llm_relay.messages import Answer, Delta, Event, Prompt
from llm_relay.program.per_loop import PerLoop
from llm_relay.tokens import ANONYMOUS

if TYPE_CHECKING:
    from llm_relay.mcp.program import McpTransport
    from llm_relay.mcp.tools import ToolServer
    from server_b.core.relay import Relay
    from server_b.settings import ServerBSettings

INSTRUCTIONS = (
    "Asks the language model that this server is set up for. Use process_message_stream for long answers."
    " If a call fails, its text says why and what to do."
)


def _open_relay() -> AsyncGenerator[Relay, None]:
    from server_b.composition import open_relay
    from server_b.settings import ServerBSettings

    opening: AsyncGenerator[Relay, None] = inspect.unwrap(open_relay)(ServerBSettings.read())
    return opening


_relays = PerLoop(_open_relay)


async def connect() -> Relay:
    """Returns the running event loop's Relay. Raises SettingsError or ValueError, naming a bad setting."""
    return await _relays.get()


async def process_message(
    message: str,
    context: str | None = None,
    history: Sequence[TurnDocument] | None = None,
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    request_id: str | None = None,
) -> AnswerDocument:
    """Sends a message to a language model and returns its whole answer, with what it cost.

    `context` is the system prompt, `history` holds earlier turns, oldest first; `temperature` is 0 to 2.
    Raises RelayError.
    """
    prompt = prompt_of(message, context, history, model, temperature, max_tokens, request_id)
    return answer_document(await _process(prompt))


async def process_message_stream(
    message: str,
    context: str | None = None,
    history: Sequence[TurnDocument] | None = None,
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    request_id: str | None = None,
) -> str:
    """Sends a message to a language model and returns its text, told as it comes to clients that show progress.

    Arguments are as in process_message. Raises RelayError, also where the answer was cut short.
    """
    prompt = prompt_of(message, context, history, model, temperature, max_tokens, request_id)
    async with contextlib.aclosing(_stream_process(prompt)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def get_provider_info() -> ConfigDocument:
    """Tells the provider, model, temperature and most tokens that are used where a message names none."""
    relay = await connect()
    return config_document(relay.status())


async def health_check() -> HealthDocument:
    """Tells how well this server and its provider are: healthy or degraded."""
    relay = await connect()
    return health_document(relay.status())


def create_server() -> ToolServer:
    """Makes the MCP server of these tools."""
    from llm_relay.mcp import texts
    from llm_relay.mcp.message_tools import stream_tool, whole_tool
    from llm_relay.mcp.tools import ToolServer, lookup_tool

    return ToolServer(
        "Server B",
        [
            whole_tool(process_message, title="Process a message", process=_process),
            stream_tool(process_message_stream, title="Process a message, streamed", stream_process=_stream_process),
            lookup_tool(
                get_provider_info,
                title="Show the provider",
                document=ConfigDocument,
                text=texts.config_text,
                open_world=False,
            ),
            lookup_tool(
                health_check,
                title="Check health",
                document=HealthDocument,
                text=texts.health_text,
                open_world=False,
            ),
        ],
        instructions=INSTRUCTIONS,
    )


async def serve_mcp(settings: ServerBSettings, transport: McpTransport) -> int:
    """Serves these tools until told to stop; returns the exit code.

    Raises SettingsError or ValueError, naming the setting, for what must not or cannot be served.
    """
    from llm_relay.mcp.program import serve

    await connect()  # a missing key stops the start, not the first call
    return await serve(
        create_server(), transport, settings, name="Server B", port=settings.mcp_port_b, port_name="MCP_PORT_B"
    )


async def _process(prompt: Prompt, caller: str = ANONYMOUS) -> Answer:
    relay = await connect()
    return await relay.process(prompt, caller=caller, door="mcp")


async def _stream_process(prompt: Prompt, caller: str = ANONYMOUS) -> AsyncGenerator[Event, None]:
    relay = await connect()
    async with contextlib.aclosing(relay.stream_process(prompt, caller=caller, door="mcp")) as events:
        async for event in events:
            yield event
