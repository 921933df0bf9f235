"""Server A's tools as coroutines for Python. They call Server B, and need no provider's key.

They read the settings on their first use on an event loop, and have one channel for each loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from llm_relay.caller_tokens import Caller
from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    HealthDocument,
    ModelsDocument,
    answer_document,
    config_document,
    health_document,
    models_document,
    takes_prompt_arguments,
    unhealthy_document,
)
from llm_relay.documents.accounts import IdentityDocument, identity_document
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Answer, Delta, Event, Prompt
from llm_relay.program.per_loop import PerLoop

if TYPE_CHECKING:
    from llm_relay.client.account_client import AccountClient
    from llm_relay.client.relay_client import RelayClient


async def _open_client() -> AsyncGenerator[RelayClient, None]:
    from llm_relay.client.relay_client import RelayClient
    from server_a.settings import ServerASettings

    settings = ServerASettings.read()
    async with RelayClient(settings.dial, timeout_s=settings.timeout_seconds, protocol="mcp") as client:
        yield client


async def _open_accounts() -> AsyncGenerator[AccountClient, None]:
    from llm_relay.client.account_client import AccountClient
    from server_a.settings import ServerASettings

    async with AccountClient(ServerASettings.read().dial) as client:
        yield client


_clients = PerLoop(_open_client)
_accounts = PerLoop(_open_accounts)
ITSELF = Caller()
"""The user of this program."""


async def connect() -> RelayClient:
    """Returns the running event loop's client. Raises SettingsError or ValueError, naming a bad setting."""
    return await _clients.get()


@takes_prompt_arguments
async def send_message(prompt: Prompt) -> AnswerDocument:
    """Sends a message to a language model and returns its whole answer, with its cost.

    `context` is the system prompt, `history` has the earlier turns, oldest first; `temperature` is 0 to 2.
    Raises RelayError.
    """
    return answer_document(await process(prompt))


@takes_prompt_arguments
async def send_message_stream(prompt: Prompt) -> str:
    """Sends a message to a language model and returns the text of its answer.

    The arguments are as in send_message. Raises RelayError, also if the answer was cut short.
    """
    async with contextlib.aclosing(stream_process(prompt)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def check_server_b_health() -> HealthDocument:
    """Returns the health of Server B and its provider: healthy, degraded, or unhealthy if it cannot be reached.

    Raises RelayError if Server B can be reached but refuses to answer.
    """
    client = await connect()
    try:
        return health_document(await client.get_status())
    except ServerBUnavailable as error:
        return unhealthy_document(error)


async def list_available_models(caller: Caller = ITSELF) -> ModelsDocument:
    """Returns the models that a message can be sent to. Raises RelayError."""
    client = await connect()
    return models_document(await client.list_models(**caller.arguments))


async def get_server_b_config(caller: Caller = ITSELF) -> ConfigDocument:
    """Returns the provider, model, temperature and token limit that a message uses by default.

    Raises RelayError.
    """
    client = await connect()
    return config_document(await client.get_status(**caller.arguments))


async def whoami(caller: Caller = ITSELF) -> IdentityDocument:
    """Returns the caller's name at Server B, and what is left of its budgets. Raises RelayError."""
    accounts = await _accounts.get()
    return identity_document(await accounts.who_am_i(**caller.arguments))


async def process(prompt: Prompt, caller: Caller = ITSELF) -> Answer:
    """Returns the whole answer to a caller's prompt. Raises RelayError."""
    client = await connect()
    return await client.process(prompt, **caller.arguments)


async def stream_process(prompt: Prompt, caller: Caller = ITSELF) -> AsyncGenerator[Event, None]:
    """Streams the answer to a caller's prompt. Raises RelayError."""
    client = await connect()
    async with contextlib.aclosing(client.stream_process(prompt, **caller.arguments)) as events:
        async for event in events:
            yield event
