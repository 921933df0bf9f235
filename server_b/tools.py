"""Server B's tools as Python coroutines. They use the Relay directly, without gRPC.

They read the settings when they are first used on an event loop, and keep one Relay for each loop.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from llm_relay.caller_tokens import ANONYMOUS, Caller
from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    HealthDocument,
    answer_document,
    config_document,
    health_document,
    takes_prompt_arguments,
)
from llm_relay.documents.accounts import IdentityDocument, identity_document
from llm_relay.messages import Answer, Delta, Event, Prompt
from llm_relay.program.per_loop import PerLoop

if TYPE_CHECKING:
    from server_b.composition import Core
    from server_b.core.relay import Relay


def _open_core() -> AsyncGenerator[Core, None]:
    from server_b.composition import open_core
    from server_b.settings import ServerBSettings

    opening: AsyncGenerator[Core, None] = inspect.unwrap(open_core)(ServerBSettings.read())
    return opening


_cores = PerLoop(_open_core)


ITSELF = Caller()
"""The person who runs this program."""


async def connect_core() -> Core:
    """Returns the running event loop's Core. Raises SettingsError or ValueError that names a bad setting."""
    return await _cores.get()


async def connect() -> Relay:
    """Returns the running event loop's Relay. Raises SettingsError or ValueError that names a bad setting."""
    return (await connect_core()).relay


@takes_prompt_arguments
async def process_message(prompt: Prompt) -> AnswerDocument:
    """Sends a message to a language model and returns its whole answer, with what it cost.

    `context` is the system prompt, `history` has the earlier turns, oldest first; `temperature` is 0 to 2.
    Raises RelayError.
    """
    return answer_document(await process(prompt))


@takes_prompt_arguments
async def process_message_stream(prompt: Prompt) -> str:
    """Sends a message to a language model and returns the text of its answer.

    Arguments are those of process_message. Raises RelayError, also if the answer was cut short.
    """
    async with contextlib.aclosing(stream_process(prompt)) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def get_provider_info() -> ConfigDocument:
    """Returns the provider, and the model, temperature and token limit of messages that set none."""
    relay = await connect()
    return config_document(relay.status())


async def health_check() -> HealthDocument:
    """Returns the health of this server and its provider: healthy or degraded."""
    relay = await connect()
    return health_document(relay.status())


async def whoami(caller: Caller = ITSELF) -> IdentityDocument:
    """Returns who the caller is, and what is left of its budgets. Raises RelayError; Unsupported with LEDGER=off."""
    from server_b.ledger.identities import identity

    core = await connect_core()
    return identity_document(await identity(core.ledger, caller.name or ANONYMOUS, admins=core.admins))


async def process(prompt: Prompt, caller: Caller = ITSELF) -> Answer:
    """Returns the whole answer to a caller's prompt. Raises RelayError."""
    relay = await connect()
    return await relay.process(prompt, caller=caller.name or ANONYMOUS, protocol="mcp")


async def stream_process(prompt: Prompt, caller: Caller = ITSELF) -> AsyncGenerator[Event, None]:
    """Streams the answer to a caller's prompt. Raises RelayError."""
    relay = await connect()
    name = caller.name or ANONYMOUS
    async with contextlib.aclosing(relay.stream_process(prompt, caller=name, protocol="mcp")) as events:
        async for event in events:
            yield event
