"""What surrounds the calls: health, reflection, ports, and a stop that loses no call."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import SERVICE
from llm_relay.errors import Draining, ServerBUnavailable
from llm_relay.messages import Delta, Finished, Prompt
from server_b.core.relay import Relay
from server_b.grpc_server.server import Server
from server_b.providers.base import Text
from tests.support.frames import watch_health_and_read_nothing
from tests.support.scripted import ENDING, HELLO, OPENING, PATIENCE_S, End, ScriptedProvider
from tests.support.serving import create_relay, serving
from tests.support.wire import refusal, wire

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_is_serving_for_the_server_and_the_service(service: str) -> None:
    async with serving() as server, wire(server.target) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        response = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert response.status == SERVING


async def test_the_health_of_an_unknown_service_is_not_found() -> None:
    async with serving() as server, wire(server.target) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await health.Check(health_pb2.HealthCheckRequest(service="no.Such"))
        assert failed.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_watchers_see_not_serving_before_the_port_closes(service: str) -> None:
    async with serving() as server, wire(server.target) as client:
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(service=service))
        assert (await watch.read()).status == SERVING
        draining = asyncio.create_task(server.server.drain(PATIENCE_S, notice_s=0.05))
        assert (await watch.read()).status == NOT_SERVING
        watch.cancel()
        await draining


async def test_a_watcher_who_reads_nothing_does_not_delay_the_stop() -> None:
    async with serving() as server, watch_health_and_read_nothing(server.port), asyncio.timeout(PATIENCE_S):
        await server.server.drain(0.1, notice_s=0)


def _described(target: str) -> tuple[set[str], set[str]]:
    """Asks a server for its services and for the methods of ours, as grpcurl does."""
    with grpc.insecure_channel(target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        methods = pool.FindServiceByName(SERVICE).methods_by_name
        return set(database.get_services()), set(methods)


async def test_reflection_v1alpha_describes_the_contract() -> None:
    async with serving() as server:
        services, methods = await asyncio.to_thread(_described, server.target)
    assert {SERVICE, "grpc.health.v1.Health"} <= services
    assert methods == {"Process", "StreamProcess", "Cancel", "ListModels", "GetStatus"}


async def test_reflection_v1_describes_the_contract() -> None:
    async with serving() as server, wire(server.target) as client:
        begin: Any = client.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = begin(timeout=PATIENCE_S)
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
        response = await call.read()
        await call.done_writing()
    assert b"RelayService" in response.file_descriptor_response.file_descriptor_proto[0]


# Ports.


def a_server(relay: Relay) -> Server:
    return Server(relay)


async def test_a_taken_port_is_an_error_not_a_second_server() -> None:
    async with serving() as first:
        second = a_server(create_relay(ScriptedProvider()))
        with pytest.raises(OSError, match=f":{first.port}"):
            await second.start("127.0.0.1", first.port)


async def test_a_port_is_free_again_after_the_stop() -> None:
    async with serving() as first:
        port = first.port
    second = a_server(create_relay(ScriptedProvider()))
    assert await second.start("127.0.0.1", port) == port
    await second.drain(0, notice_s=0)


@pytest.mark.parametrize("host", ["::1", "localhost"])
async def test_a_server_listens_on_other_names_of_loopback(host: str) -> None:
    server = a_server(create_relay(ScriptedProvider()))
    assert await server.start(host, 0) > 0
    await server.drain(0, notice_s=0)


# Draining.


async def test_a_running_stream_ends_well_while_new_calls_are_refused() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([OPENING, Text("Hel"), gate, Text("lo"), ENDING])
    async with serving(provider) as server, server.client() as client, wire(server.target) as stranger:
        stream = client.stream_process(HI)
        await anext(stream)
        await provider.until_waiting()
        draining = asyncio.create_task(server.server.drain(PATIENCE_S, notice_s=PATIENCE_S))
        await asyncio.sleep(0)
        code, _, info, _ = await refusal(stranger.whole("Process", pb.ProcessRequest(message="Hi")))
        assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        gate.set()
        rest = [event async for event in stream]
        assert "".join(event.text for event in rest if isinstance(event, Delta)) == "Hello"
        assert isinstance(rest[-1], Finished)
        draining.cancel()
        await asyncio.wait([draining])


async def test_a_stream_left_after_the_grace_ends_with_an_error_and_its_usage() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with serving(provider) as server, server.client() as client:
        stream = client.stream_process(HI)
        await anext(stream)
        await provider.until_waiting()
        draining = asyncio.create_task(server.server.drain(0.05, notice_s=0))
        with pytest.raises(Draining) as failed:
            [event async for event in stream]
        assert failed.value.spent is not None
        assert provider.tries[0].end is End.ABORTED
        await draining
        with pytest.raises(ServerBUnavailable, match=server.target):
            await client.process(HI)


async def test_cancelling_the_drain_ends_running_calls_at_once() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    async with serving(provider) as server, server.client() as client:
        asking = asyncio.create_task(client.process(HI))
        await provider.until_waiting()
        draining = asyncio.create_task(server.server.drain(3600))
        await asyncio.sleep(0)
        draining.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([draining, asking])
        assert isinstance(asking.exception(), Draining)
        assert await provider.until_ended() is End.ABORTED


async def test_an_idle_server_stops_without_waiting_for_the_grace() -> None:
    async with serving(ScriptedProvider(HELLO)) as server, asyncio.timeout(PATIENCE_S):
        await server.server.drain(3600, notice_s=0)
