"""A new gateway, or a new client, in front of a Server B that does not know which fields of a caller are to change."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import httpx2
import pytest

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.messages.accounts import CallerAccount, RateLimits
from tests.gateway.ui.conftest import SETTINGS
from tests.support.programs import running

pytestmark = pytest.mark.anyio

ALICE = CallerAccount(
    name="alice",
    is_disabled=True,
    models=("mock/*",),
    rates=RateLimits(calls_per_minute=5, tokens_per_minute=1000),
    tags={"team": "search"},
)


class OlderServer(grpc.GenericRpcHandler):
    """Passes calls on to a Server B, without the fields of PutCaller that came later."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        method = handler_call_details.method
        if method.endswith("/Watch"):  # of its health, which the client does without
            return None

        async def pass_on(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            if method.endswith("/PutCaller"):
                asked = pb.PutCallerRequest.FromString(request)
                asked.ClearField("update_mask")
                request = asked.SerializeToString()
            metadata = [(key, value) for key, value in context.invocation_metadata() or () if key != "user-agent"]
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(method)
            try:
                return await call(request, metadata=metadata, timeout=30)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", error.trailing_metadata())

        return grpc.unary_unary_rpc_method_handler(pass_on)


@contextlib.asynccontextmanager
async def older_server(folder: Path) -> AsyncIterator[str]:
    """Runs it. Yields its address."""
    async with (
        running(folder, "server_b", GRPC_PORT="0", **SETTINGS) as server_b,
        grpc.aio.insecure_channel(server_b.address) as channel,
    ):
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((OlderServer(channel),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(0)


async def by_the_page(address: str, folder: Path, change: dict[str, Any]) -> None:
    async with (
        running(folder, "gateway", HTTP_PORT="0", SERVER_B_TARGET=address) as gateway,
        httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=30) as client,
    ):
        csrf = {"x-relay-csrf": (await client.get("/ui/api/me")).json()["csrf"]}
        answer = await client.put("/ui/api/callers/alice", json=change, headers=csrf)
        assert answer.status_code == 200, answer.text


async def by_the_client(address: str, folder: Path, change: dict[str, Any]) -> None:
    async with AccountClient(Dial(target=address)) as accounts:
        await accounts.put_caller(
            CallerAccount(name="alice", rates=RateLimits(**change)), fields=[f"rates.{name}" for name in change]
        )


@pytest.mark.parametrize("change", [by_the_page, by_the_client])
async def test_a_change_of_one_field_keeps_the_others(
    tmp_path: Path, change: Callable[[str, Path, dict[str, Any]], Awaitable[None]]
) -> None:
    async with older_server(tmp_path) as address, AccountClient(Dial(target=address)) as accounts:
        await accounts.put_caller(ALICE)
        await change(address, tmp_path, {"calls_per_minute": 60})
        (alice,) = [caller for caller in await accounts.callers() if caller.name == "alice"]
    assert alice.rates == RateLimits(calls_per_minute=60, tokens_per_minute=1000)
    assert (alice.is_disabled, alice.models, alice.tags) == (True, ALICE.models, ALICE.tags)
