"""If tokens are set, every method except health checks needs one."""

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest, Unauthenticated
from llm_relay.messages import Prompt
from tests.support.logged import logged_facts
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving
from tests.support.wire import METHODS, Metadata, Wire, events, refusal, wire

pytestmark = pytest.mark.anyio

TOKENS = "gateway:g-1,alice:a-1,alice:a-2"
HI = Prompt(message="Hi", request_id="id-1")
REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")

WRONG: list[Metadata] = [
    (),
    (("authorization", "Bearer wrong"),),
    (("authorization", "a-1"),),
    (("authorization", "Basic a-1"),),
    (("relay-on-behalf-of", "alice"),),
    (("authorization", "Bearer wrong"), ("authorization", "Bearer a-1")),
]


async def unauthenticated(call: Any) -> str:
    """Asserts that the call is refused because it has no token; returns the text."""
    code, text, info, _ = await refusal(call)
    assert (code, info.reason, info.domain) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", "relay.v1")
    return text


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_refuses_wrong_and_missing_tokens_with_the_same_answer(method: str) -> None:
    provider = ScriptedProvider()
    async with serving(provider, tokens=TOKENS) as server, wire(server.target) as client:
        texts = {await unauthenticated(client.begin(method, METHODS[method](), metadata)) for metadata in WRONG}
    assert len(texts) == 1
    assert provider.tries == []


async def test_a_refusal_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tokens=TOKENS) as server, wire(server.target) as client:
        await unauthenticated(client.whole("Process", b""))
        await refusal(client.whole("Process", b"", (("authorization", "Bearer a-1"),)))
    lines = logged_facts(caplog, "relay.calls")
    assert [line["outcome"] for line in lines] == ["UNAUTHENTICATED", "INVALID_REQUEST"]
    assert "a-1" not in caplog.text


async def test_an_unknown_method_is_unauthenticated_without_a_token() -> None:
    async with serving(tokens=TOKENS) as server, wire(server.target) as client:
        await unauthenticated(client.whole("NoSuchMethod", b""))
        code, *_ = await refusal(client.whole("NoSuchMethod", b"", (("authorization", "Bearer a-1"),)))
        assert code is grpc.StatusCode.UNIMPLEMENTED


def _reflection(client: Wire, service: str) -> Any:
    """Begins a reflection call that sends nothing yet."""
    begin: Any = client.channel.stream_stream(f"/{service}/ServerReflectionInfo")
    return begin(timeout=10)


@pytest.mark.parametrize("service", REFLECTIONS)
async def test_reflection_is_refused_before_its_first_request(service: str) -> None:
    async with serving(tokens=TOKENS) as server, wire(server.target) as client:
        await unauthenticated(_reflection(client, service))


@pytest.mark.parametrize("token", ["a-1", "a-2", "g-1"])
async def test_every_valid_token_is_served(token: str) -> None:
    async with serving(tokens=TOKENS) as server, server.client(token=token) as client:
        assert (await client.process(HI)).text
        assert [event async for event in client.stream_process(HI)]
        assert (await client.get_status()).provider == "mock"


async def test_a_client_without_a_token_is_unauthenticated() -> None:
    async with serving(tokens=TOKENS) as server, server.client() as client:
        with pytest.raises(Unauthenticated):
            await client.process(HI)


async def test_health_is_open() -> None:
    async with serving(tokens=TOKENS) as server, wire(server.target) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        response = await health.Check(health_pb2.HealthCheckRequest())
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert response.status == (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING


async def test_a_delegates_callers_have_separate_calls() -> None:
    provider = ScriptedProvider()
    async with (
        serving(provider, tokens=TOKENS, delegates=("gateway",)) as server,
        server.client(token="g-1") as client,
    ):
        for name in ("alice", "bob", ""):
            await client.process(HI, on_behalf_of=name)
        assert len(provider.tries) == 3
        await client.process(HI, on_behalf_of="bob")
        assert len(provider.tries) == 3


async def test_a_caller_who_is_no_delegate_keeps_its_own_name() -> None:
    provider = ScriptedProvider()
    async with serving(provider, tokens=TOKENS) as server, server.client(token="a-1") as client:
        await client.process(HI, on_behalf_of="bob")
        await client.process(HI)
    assert len(provider.tries) == 1


async def test_a_delegate_cannot_invent_names() -> None:
    metadata = (("authorization", "Bearer g-1"), ("relay-on-behalf-of", "gateway/alice"))
    async with serving(tokens=TOKENS, delegates=("gateway",)) as server, wire(server.target) as client:
        code, _, info, _ = await refusal(client.whole("GetStatus", b"", metadata))
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest.reason)


async def test_cancel_does_not_find_another_callers_call() -> None:
    async with serving(tokens=TOKENS + ",bob:b-1") as server, wire(server.target) as client:
        hang = pb.StreamProcessRequest(message="Hi", model="mock-model?fault=hang_during", request_id="id-1")
        call = client.stream(hang, (("authorization", "Bearer a-1"),))
        await call.initial_metadata()
        found = []
        for token in ("b-1", "a-2"):
            data = await client.whole(
                "Cancel", pb.CancelRequest(request_id="id-1"), (("authorization", f"Bearer {token}"),)
            )
            found.append(pb.CancelResponse.FromString(data).found)
        assert found == [False, True]
        assert (await events(call))[-1].finished.finish_reason == pb.FINISH_REASON_CANCELLED
