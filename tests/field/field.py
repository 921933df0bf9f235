"""Plays cases: a provider of raw bytes, Server B and the gateway in one process, and calls through all of them."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from server_b.composition import open_relay
from server_b.grpc_server.server import Server
from server_b.settings import ServerBSettings
from tests.field.calls import WAYS, Prompt
from tests.field.outcome import CallResult, Expected
from tests.field.provider import Hold, Pause, RawProvider, Reset, Script, Steps
from tests.support.gateways import gateway
from tests.support.serving import late_events
from tests.support.wire import wire

AT_ONCE = 32
"""How many calls run side by side."""


@dataclass(frozen=True, slots=True)
class Case:
    """What the provider plays, and what each caller must get; any of several outcomes is right."""

    script: Script
    expected: tuple[Expected, ...]
    prompt: Mapping[str, Any] = field(default_factory=dict)
    """Additional fields of the prompt."""


def case(script: Script | Steps, *expected: Expected, **prompt: Any) -> Case:
    """Makes a case whose provider plays the same answer each time, or what `script` chooses."""
    one = not callable(script) and isinstance(script[0], bytes | Pause | Reset | Hold)
    return Case((script,) if one else script, expected, prompt)  # type: ignore[arg-type]


class Field:
    """The stack, and calls through it."""

    def __init__(self, provider: RawProvider, clients: Mapping[str, Any], server_b: str) -> None:
        """`server_b` is its target address."""
        self.provider = provider
        self.server_b = server_b
        self._clients = clients
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def http(self) -> httpx2.AsyncClient:
        """A client of the gateway."""
        client: httpx2.AsyncClient = self._clients["http"]
        return client

    def client(self, way: str) -> Any:
        """Returns the client function of a way, such as grpc-whole."""
        return self._clients[way.split("-", maxsplit=1)[0]]

    async def play(self, cases: Mapping[str, Case], table: str) -> dict[str, list[CallResult]]:
        """Plays every case of a table in every way; returns what callers got, by the case's name."""
        results = await asyncio.gather(*(self._play(f"{table} {name}", one) for name, one in cases.items()))
        return dict(zip(cases, results, strict=True))

    async def _play(self, name: str, one: Case) -> list[CallResult]:
        return list(await asyncio.gather(*(self._ask(name, one, way) for way in WAYS)))

    async def _ask(self, name: str, one: Case, way: str) -> CallResult:
        model = f"{name} {way}".replace(" ", "-")
        self.provider.scripts[model] = one.script
        async with self._room:
            result = await self.call(way, {"message": "Hi", "model": model, **one.prompt})
        result.facts["requests"] = len(self.provider.requests[model])
        return result

    async def call(self, way: str, prompt: Prompt) -> CallResult:
        """Makes one call; if its client cannot read the answer, that is the reason."""
        result = CallResult(way)
        try:
            result.facts = dict(await WAYS[way](self.client(way), prompt))
        except Exception as error:  # noqa: BLE001 - shown next to what was expected
            result.facts["reason"] = "".join(traceback.format_exception_only(error)).strip()
        return result


@contextlib.asynccontextmanager
async def open_field(**settings: Any) -> AsyncIterator[Field]:
    """Opens the stack; `settings` are Server B's, where `{url}` stands for the provider's URL."""
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(RawProvider().listening())
        given = {
            name: value.format(url=provider.url) if isinstance(value, str) else value
            for name, value in settings.items()
        }
        server_b = await stack.enter_async_context(_serving(ServerBSettings.model_validate(given)))
        http = await stack.enter_async_context(gateway(server_b))
        http.timeout = 30.0
        yield Field(provider, {"grpc": await stack.enter_async_context(wire(server_b)), "http": http}, server_b)


@contextlib.asynccontextmanager
async def _serving(settings: ServerBSettings) -> AsyncIterator[str]:
    """Serves Server B with these settings; yields its target."""
    async with open_relay(settings) as relay:
        server = Server(relay)
        port = await server.start("127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.drain(0, notice_s=0)
    await late_events()


def check(one: Case, results: Iterable[CallResult]) -> None:
    """Fails unless every caller got one of the expected outcomes."""
    wrong = [str(each) for each in results if not any(expected.is_met_by(each) for expected in one.expected)]
    right = "\n or ".join(map(str, one.expected))
    if wrong:
        pytest.fail("\n".join([*wrong, f"expected: {right}"]), pytrace=False)
