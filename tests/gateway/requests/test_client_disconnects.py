"""A client that leaves, at any moment and from any route, ends the call down to the provider."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from server_b.providers.base import Text
from tests.support.gateways import PATIENCE_S, Socket, gateway, get, post, socket_to
from tests.support.scripted import ENDING, OPENING, End, ScriptedProvider, Step
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

HI = b'{"message": "Hi"}'


@contextlib.asynccontextmanager
async def calling(route: str, *script: Step) -> AsyncIterator[tuple[Socket, ScriptedProvider]]:
    """Sends a prompt over a socket, to a provider that follows `script`."""
    provider = ScriptedProvider(script)
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as client,
        socket_to(client) as socket,
    ):
        await socket.send(post(route, HI))
        yield socket, provider


async def test_leaving_a_whole_answer_ends_the_call() -> None:
    async with calling("/process", asyncio.Event()) as (socket, provider):
        await provider.until_waiting()
        socket.writer.close()
        assert await provider.until_ended() is End.ABORTED


async def test_leaving_a_stream_before_its_head_ends_the_call() -> None:
    async with calling("/stream", OPENING, asyncio.Event()) as (socket, provider):
        await provider.until_waiting()
        socket.writer.close()
        assert await provider.until_ended() is End.ABORTED


async def test_leaving_during_a_stream_ends_the_call() -> None:
    async with calling("/stream", OPENING, Text("Hel"), asyncio.Event()) as (socket, provider):
        await socket.until(b'{"content": "Hel"}')
        socket.writer.close()
        assert await provider.until_ended() is End.ABORTED


async def test_leaving_a_stream_that_never_pauses_ends_the_call() -> None:
    endless = [Text("more text, " * 100)] * 100_000
    async with calling("/stream", OPENING, *endless, ENDING) as (socket, provider):
        await socket.until(b"more text, ")
        socket.writer.close()
        assert await provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_connection_that_is_reset_ends_the_call(route: str) -> None:
    async with calling(route, asyncio.Event()) as (socket, provider):
        await provider.until_waiting()
        socket.writer.transport.abort()
        assert await provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_client_that_closes_its_half_of_the_connection_has_left(route: str) -> None:
    async with calling(route, asyncio.Event()) as (socket, provider):
        await provider.until_waiting()
        socket.writer.write_eof()
        assert await provider.until_ended() is End.ABORTED
        assert await socket.closed() == b""


BEHIND = {
    "a lookup": get("/health"),
    "a call": post("/process", HI),
    "half a call": post("/process", HI)[:-5],
    "a long call": post("/stream", b'{"message": "' + b"x" * 200_000 + b'"}'),
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_client_that_has_already_sent_another_request_is_seen_to_leave(route: str, behind: bytes) -> None:
    provider = ScriptedProvider((asyncio.Event(),))
    async with serving(provider) as server_b, gateway(server_b.target) as client, socket_to(client) as socket:
        await socket.send(post(route, HI) + behind)
        await provider.until_waiting()
        socket.writer.close()
        assert await provider.until_ended() is End.ABORTED
    assert len(provider.tries) == 1


async def test_leaving_during_the_body_starts_no_call() -> None:
    provider = ScriptedProvider()
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        async with socket_to(client) as socket:
            await socket.send(b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        assert (await client.post("/process", content=HI)).status_code == 200
    assert len(provider.tries) == 1


async def test_a_client_that_leaves_does_not_end_another_clients_call() -> None:
    go_on = asyncio.Event()
    body = b'{"message": "Hi", "request_id": "shared"}'
    provider = ScriptedProvider((OPENING, Text("Hel"), go_on, Text("lo"), ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as client,
        socket_to(client) as leaving,
        client.stream("POST", "/stream", content=body) as staying,
    ):
        lines = staying.aiter_lines()
        await anext(lines)
        await leaving.send(post("/stream", body))
        await leaving.until(b'{"content": "Hel"}')
        leaving.writer.close()
        go_on.set()
        assert "data: [DONE]" in [line async for line in lines]
    assert len(provider.tries) == 1


class SilentServerB:
    """A server that answers no call and records when a call is abandoned."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def answer(self, _request: bytes, _context: object) -> bytes:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()
        return b""


@contextlib.asynccontextmanager
async def silent_server_b() -> AsyncIterator[tuple[SilentServerB, str]]:
    silent, server = SilentServerB(), grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(silent.answer)
    methods = dict.fromkeys(("GetStatus", "ListModels", "Cancel"), handler)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("relay.v1.RelayService", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield silent, f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@pytest.mark.parametrize("behind", [b"", get("/health")], ids=["alone", "pipelined"])
@pytest.mark.parametrize(
    "request_bytes", [get("/health"), get("/models"), get("/config"), post("/cancel/r-1", b"")], ids=lambda it: it[:12]
)
async def test_leaving_any_other_route_ends_its_call(request_bytes: bytes, behind: bytes) -> None:
    async with (
        silent_server_b() as (silent, target),
        gateway(target) as client,
        socket_to(client) as socket,
        asyncio.timeout(PATIENCE_S),
    ):
        await socket.send(request_bytes + behind)
        await silent.asked.wait()
        socket.writer.close()
        await silent.given_up.wait()


async def test_the_deadline_limits_the_other_routes_too() -> None:
    async with silent_server_b() as (silent, target), gateway(target) as client:
        models = await client.get("/models", headers={"X-Request-Timeout": "0.1"})
        health = await client.get("/health", headers={"X-Request-Timeout": "0.1"})
    assert (models.status_code, models.json()["reason"]) == (504, "DEADLINE_EXCEEDED")
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert silent.given_up.is_set()
