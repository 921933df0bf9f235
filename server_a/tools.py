"""Server A's tools: coroutines for Python, and the same as MCP tools. Both ask Server B, and keep no key.

The coroutines read the settings at their first use on an event loop, and keep one channel for each.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    HealthDocument,
    ModelsDocument,
    TurnDocument,
    answer_document,
    config_document,
    health_document,
    models_document,
    prompt_of,
    unhealthy_document,
)
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Answer, Delta, Event, Prompt
from llm_relay.program.per_loop import PerLoop
from llm_relay.tokens import ANONYMOUS

if TYPE_CHECKING:
    from llm_relay.client.relay_client import RelayClient
    from llm_relay.mcp.tools import ToolServer

INSTRUCTIONS = (
    "Asks a language model through Server B, which holds the keys. Use send_message_stream for long answers."
    " If a call fails, its text says why and what to do."
)


async def _open_client() -> AsyncGenerator[RelayClient, None]:
    from llm_relay.client.relay_client import RelayClient
    from server_a.settings import ServerASettings

    settings = ServerASettings.read()
    async with RelayClient(settings.dial, timeout_s=settings.timeout_seconds, door="mcp") as client:
        yield client


_clients = PerLoop(_open_client)


async def connect() -> RelayClient:
    """Returns the running event loop's client. Raises SettingsError or ValueError, naming a bad setting."""
    return await _clients.get()


async def send_message(
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


async def send_message_stream(
    message: str,
    context: str | None = None,
    history: Sequence[TurnDocument] | None = None,
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    request_id: str | None = None,
) -> str:
    """Sends a message to a language model and returns its text, told as it comes to clients that show progress.

    Arguments are as in send_message. Raises RelayError, also where the answer was cut short.
    """
    prompt = prompt_of(message, context, history, model, temperature, max_tokens, request_id)
    async with contextlib.aclosing(_stream_process(prompt)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def check_server_b_health() -> HealthDocument:
    """Tells how well Server B and its provider are: healthy, degraded, or unhealthy if it cannot be reached.

    Raises RelayError where Server B is there and does not tell.
    """
    client = await connect()
    try:
        return health_document(await client.get_status())
    except ServerBUnavailable as error:
        return unhealthy_document(error)


async def list_available_models() -> ModelsDocument:
    """Lists the models that a message can be sent to.

    Raises RelayError.
    """
    client = await connect()
    return models_document(await client.list_models())


async def get_server_b_config() -> ConfigDocument:
    """Tells the provider, model, temperature and most tokens that are used where a message names none.

    Raises RelayError.
    """
    client = await connect()
    return config_document(await client.get_status())


def create_server() -> ToolServer:
    """Makes the MCP server of these tools."""
    from llm_relay.mcp import texts
    from llm_relay.mcp.message_tools import stream_tool, whole_tool
    from llm_relay.mcp.tools import ToolServer, lookup_tool

    return ToolServer(
        "Server A",
        [
            whole_tool(send_message, title="Send a message", process=_process),
            stream_tool(send_message_stream, title="Send a message, streamed", stream_process=_stream_process),
            lookup_tool(
                check_server_b_health,
                title="Check Server B",
                document=HealthDocument,
                text=texts.health_text,
                open_world=False,
            ),
            lookup_tool(
                list_available_models,
                title="List models",
                document=ModelsDocument,
                text=texts.models_text,
                open_world=True,
            ),
            lookup_tool(
                get_server_b_config,
                title="Show Server B's defaults",
                document=ConfigDocument,
                text=texts.config_text,
                open_world=False,
            ),
        ],
        instructions=INSTRUCTIONS,
    )


async def _process(prompt: Prompt, caller: str = ANONYMOUS) -> Answer:
    client = await connect()
    return await client.process(prompt, on_behalf_of=_named(caller))


async def _stream_process(prompt: Prompt, caller: str = ANONYMOUS) -> AsyncGenerator[Event, None]:
    client = await connect()
    async with contextlib.aclosing(client.stream_process(prompt, on_behalf_of=_named(caller))) as events:
        async for event in events:
            yield event


def _named(caller: str) -> str:
    return "" if caller == ANONYMOUS else caller
