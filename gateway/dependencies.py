"""FastAPI dependencies of the routes: the client of Server B, and the call that a request makes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from gateway.requests.deadlines import deadline_of, end_at
from gateway.requests.disconnect_watcher import while_client_stays
from gateway.requests.learned_timeouts import LearnedTimeouts
from gateway.requests.request_ids import call_id, use_call_id
from gateway.requests.request_parsing import BodyLimits, read_prompt
from gateway.requests.tag_header import with_header_tags
from gateway.streaming import Pings
from llm_relay.announced_retry import ClientRetry
from llm_relay.caller_tokens import Caller, Callers
from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import OnAdmitted, RelayClient
from llm_relay.messages import Answer, Event, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Server B's clients, and the limits of requests. Stored in the application's state as `backend`."""

    client: RelayClient
    accounts: AccountClient
    dial: Dial
    """How both clients connect to it."""
    callers: Callers
    timeout_s: float
    """The deadline of a request that sets none, in seconds."""
    limits: BodyLimits
    hides_target: bool
    """Whether /health, which needs no token, leaves out Server B's address. True if tokens are set."""
    pings: Pings
    timeouts: LearnedTimeouts = field(default_factory=LearnedTimeouts)
    """Timeouts of clients that do not announce theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call to Server B that has not begun."""

    client: RelayClient
    prompt: Prompt
    timeout_s: float
    """The time left until the client's deadline, in seconds."""
    caller: Caller
    client_retry: ClientRetry | None = None
    """What the client's SDK announces about its timeouts and retries."""
    required: Sequence[str] = ()
    """The options that a provider must not ignore."""
    protocol: str = ""
    """The protocol to record for the call; empty: the client's own."""

    async def process(self, on_admitted: OnAdmitted | None = None) -> Answer:
        """Returns the whole answer. Raises RelayError. `on_admitted` is called with Server B's initial metadata."""
        return await self.client.process(self.prompt, on_admitted=on_admitted, **self._arguments)

    def stream_process(self, on_admitted: OnAdmitted | None = None) -> AsyncGenerator[Event, None]:
        """Yields the answer as it is generated. Raises RelayError. `on_admitted` is called before the first event."""
        return self.client.stream_process(self.prompt, on_admitted=on_admitted, **self._arguments)

    @property
    def _arguments(self) -> dict[str, Any]:
        return {
            "timeout_s": self.timeout_s,
            **self.caller.arguments,
            "client_retry": self.client_retry,
            "required": self.required,
            "protocol": self.protocol,
        }


def backend_of(request: Request) -> Backend:
    """Returns the backend that the application's lifespan opened."""
    return cast("Backend", request.state.backend)


def caller_of(request: Request) -> Caller:
    """Returns the request's caller."""
    return cast("Caller", request.state.caller)


async def read_call(request: Request) -> Call:
    """Reads a request's prompt, deadline and idempotency key."""
    backend = backend_of(request)
    deadline = deadline_of(request, backend.timeout_s)
    prompt = await read_prompt(request, call_id(request), deadline=deadline, limits=backend.limits)
    prompt = with_header_tags(prompt, request.scope)
    use_call_id(request, prompt.request_id)
    left_s = deadline - asyncio.get_running_loop().time()
    return Call(client=backend.client, prompt=prompt, timeout_s=left_s, caller=caller_of(request))


@contextlib.asynccontextmanager
async def lookup(request: Request) -> AsyncIterator[RelayClient]:
    """Yields the client for a call to no model. The block ends at the deadline, or when the client leaves."""
    backend = backend_of(request)
    async with while_client_stays(request.receive), end_at(deadline_of(request, backend.timeout_s)):
        yield backend.client


PromptCall = Annotated[Call, Depends(read_call)]
