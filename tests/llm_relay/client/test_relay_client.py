"""RelayClient against servers that follow the contract, and against some that do not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.announced_retry import ClientRetry
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import (
    DeadlineExceeded,
    Internal,
    InvalidRequest,
    ProviderUnavailable,
    RelayError,
    ServerBUnavailable,
    TooLarge,
    Unsupported,
)
from llm_relay.messages import Delta, Finished, FinishReason, Models, Prompt, Started
from server_b.providers.base import Text
from tests.support.scripted import OPENING, PATIENCE_S, End, ScriptedProvider
from tests.support.serving import late_events, serving

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi", request_id="id-1")
SECRET = "sk-live-0123456789"
Handler = Callable[[bytes, Any], Awaitable[None]]


@contextlib.asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[RelayClient]:
    """Serves both message methods with a handler of raw responses; yields a client."""
    server = grpc.aio.server()
    method: Any = grpc.unary_stream_rpc_method_handler(handler)
    handlers = {"Process": method, "StreamProcess": method}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("relay.v1.RelayService", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with RelayClient(Dial(target=f"127.0.0.1:{port}"), timeout_s=PATIENCE_S) as client:
            yield client
    finally:
        await server.stop(0)
        await late_events()


async def streamed(client: RelayClient) -> list[Any]:
    return [event async for event in client.stream_process(HI)]


async def failure(client: RelayClient) -> RelayError:
    """Returns the error of a whole answer, after checking that a stream fails with the same."""
    with pytest.raises(RelayError) as whole:
        await client.process(HI)
    with pytest.raises(RelayError) as stream:
        await streamed(client)
    assert type(whole.value) is type(stream.value)
    assert whole.value.request_id == stream.value.request_id == "id-1"
    return whole.value


STARTED = pb.StreamProcessResponse(sequence=1, started=pb.Started(request_id="id-1", model="m", provider="p"))
DELTA = pb.StreamProcessResponse(sequence=2, delta=pb.Delta(text="Hi"))
FINISHED = pb.StreamProcessResponse(sequence=3, finished=pb.Finished(finish_reason=pb.FINISH_REASON_STOP))
NEWER = b"\x08\x05\xc8\x0c\x01"
"""An event that this version does not know."""


async def test_the_client_gives_a_request_without_an_id_a_new_one() -> None:
    provider = ScriptedProvider()
    async with serving(provider) as server, server.client() as client:
        answer = await client.process(Prompt(message="Hi"))
        started, *_ = [event async for event in client.stream_process(Prompt(message="Hi"))]
    assert isinstance(started, Started)
    assert [one.prompt.request_id for one in provider.tries] == [answer.request_id, started.request_id]
    assert answer.request_id != started.request_id


async def test_a_prompt_and_its_answer_cross_the_wire() -> None:
    provider = ScriptedProvider()
    prompt = Prompt(message="Grüße 👋", context="c", temperature=0, max_tokens=1, model="m", request_id="id-1")
    async with serving(provider) as server, server.client() as client:
        answer = await client.process(prompt)
    assert provider.tries[0].prompt == prompt
    assert (answer.text, answer.finished.usage.input_tokens) == ("Hello", 5)


async def test_models_status_and_cancel_cross_the_wire() -> None:
    async with serving() as server, server.client() as client:
        assert (await client.list_models()).models == ("mock-model",)
        assert (await client.get_status()).server == "Server B"
        assert await client.cancel("id-1") is False
        with pytest.raises(InvalidRequest):
            await client.cancel("not good")


async def test_cancel_ends_a_running_stream_softly() -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with serving(provider) as server, server.client() as client:
        reading = asyncio.create_task(streamed(client))
        await provider.until_waiting()
        assert await client.cancel("id-1") is True
        last = (await reading)[-1]
    assert isinstance(last, Finished)
    assert last.finish_reason is FinishReason.CANCELLED


@pytest.mark.parametrize("leaving", ["break", "raise", "close"])
async def test_leaving_the_loop_stops_the_provider_though_the_channel_stays_open(leaving: str) -> None:
    provider = ScriptedProvider([OPENING, Text("Hel"), asyncio.Event()])
    async with serving(provider) as server, server.client() as client:
        with contextlib.suppress(LookupError):
            async with contextlib.aclosing(client.stream_process(HI)) as events:
                async for event in events:
                    if isinstance(event, Delta) and leaving == "break":
                        break
                    if isinstance(event, Delta) and leaving == "raise":
                        raise LookupError
                    if isinstance(event, Delta):
                        await events.aclose()
        assert await provider.until_ended() is End.ABORTED


async def test_cancelling_the_task_stops_the_provider() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    async with serving(provider) as server, server.client() as client:
        asking = asyncio.create_task(client.process(HI))
        await provider.until_waiting()
        asking.cancel()
        assert await provider.until_ended() is End.ABORTED


async def test_the_clients_own_timeout_limits_the_provider() -> None:
    provider = ScriptedProvider([asyncio.Event()])
    async with serving(provider) as server, server.client(timeout_s=2) as client:
        with pytest.raises(DeadlineExceeded):
            await client.process(HI)
        assert await provider.until_ended() is End.ABORTED


@pytest.mark.parametrize("timeout_s", [1e6, 1e18, float("inf")])
async def test_a_timeout_beyond_grpcs_clock_is_a_very_long_one(timeout_s: float) -> None:
    async with serving(ScriptedProvider()) as server, server.client() as client:
        assert (await client.process(HI, timeout_s=timeout_s)).text == "Hello"


async def test_a_message_over_the_clients_own_limit_is_too_large() -> None:
    async with serving() as server, server.client(max_message_bytes=1024) as client:
        with pytest.raises(TooLarge):
            await client.process(Prompt(message="x" * 2000))


async def test_a_message_over_the_servers_limit_is_too_large() -> None:
    async with serving(max_message_bytes=1024) as server, server.client() as client:
        with pytest.raises(TooLarge):
            await client.process(Prompt(message="x" * 2000))


@pytest.mark.parametrize("name", ["a b", "ä", "a\n", "a/b", "x" * 65])
async def test_a_name_that_every_server_would_refuse_is_refused_by_the_client(name: str) -> None:
    async with serving() as server, server.client() as client:
        with pytest.raises(InvalidRequest, match="relay-on-behalf-of"):
            await client.process(HI, on_behalf_of=name)


# Servers that are unreachable, or not ours.


async def test_an_unreachable_server_is_named_with_what_to_start() -> None:
    async with serving() as server:
        target = server.target
    async with RelayClient(Dial(target=target)) as client:
        error = await failure(client)
    assert type(error) is ServerBUnavailable
    assert target in str(error)
    assert "python -m server_b" in str(error)


async def test_a_server_lost_during_a_stream_is_unavailable() -> None:
    async def handler(_: bytes, context: Any) -> None:
        await context.write(STARTED.SerializeToString())
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    async with answering(handler) as client:
        events = client.stream_process(HI)
        assert isinstance(await anext(events), Started)
        with pytest.raises(ServerBUnavailable):
            await anext(events)


@pytest.mark.parametrize("events", [[], [STARTED], [STARTED, DELTA]], ids=["nothing", "only a start", "no finish"])
async def test_a_stream_that_ends_ok_without_its_finish_is_an_error(events: list[pb.StreamProcessResponse]) -> None:
    async def handler(_: bytes, context: Any) -> None:
        for event in events:
            await context.write(event.SerializeToString())

    async with answering(handler) as client:
        with pytest.raises(ServerBUnavailable, match="before the answer was complete"):
            await streamed(client)


async def test_events_of_a_newer_server_are_skipped() -> None:
    async def handler(_: bytes, context: Any) -> None:
        for data in (NEWER, STARTED.SerializeToString(), NEWER, DELTA.SerializeToString(), NEWER):
            await context.write(data)
        await context.write(FINISHED.SerializeToString())
        await context.write(NEWER)

    async with answering(handler) as client:
        assert [type(event) for event in await streamed(client)] == [Started, Delta, Finished]


@pytest.mark.parametrize(
    ("code", "error_type"),
    [
        (grpc.StatusCode.UNKNOWN, Internal),
        (grpc.StatusCode.UNIMPLEMENTED, Unsupported),
        (grpc.StatusCode.PERMISSION_DENIED, Internal),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Internal),
    ],
)
async def test_a_foreign_status_maps_by_its_code_and_its_text_is_not_passed_on(
    code: grpc.StatusCode, error_type: type[RelayError]
) -> None:
    async def handler(_: bytes, context: Any) -> None:
        await context.abort(code, SECRET)

    async with answering(handler) as client:
        error = await failure(client)
    assert type(error) is error_type
    assert SECRET not in str(error)


async def test_malformed_details_do_no_harm() -> None:
    async def handler(_: bytes, context: Any) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff\xff"),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "")

    async with answering(handler) as client:
        assert type(await failure(client)) is ServerBUnavailable


async def test_an_answer_that_cannot_be_read_is_an_internal_error() -> None:
    async def handler(_: bytes, context: Any) -> None:
        await context.write(b"\xff\xff\xff")

    async with answering(handler) as client:
        for call in (client.process(HI), streamed(client)):
            with pytest.raises(Internal, match="cannot be read"):
                await call


# Retries.


async def test_a_call_that_was_never_admitted_is_sent_again() -> None:
    calls = []

    async def handler(_: bytes, context: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        for event in (STARTED, FINISHED):
            await context.write(event.SerializeToString())

    async with answering(handler) as client:
        assert len(await streamed(client)) == 2
    assert len(calls) == 3


async def test_a_call_that_was_admitted_is_never_sent_again() -> None:
    calls = []

    async def handler(_: bytes, context: Any) -> None:
        calls.append(1)
        await context.send_initial_metadata((("relay-request-id", "id-1"),))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "too late")

    async with answering(handler) as client:
        await failure(client)
    assert len(calls) == 2


async def test_a_provider_that_cannot_list_its_models_is_called_once() -> None:
    provider = NoList()
    async with serving(provider) as server, server.client() as client:
        with pytest.raises(ProviderUnavailable):
            await client.list_models()
    assert provider.asked == 1


class NoList(ScriptedProvider):
    """A provider whose list of models fails."""

    asked = 0

    async def list_models(self) -> Models:
        self.asked += 1
        raise ProviderUnavailable


@pytest.mark.parametrize("retry", [None, ClientRetry("a" * 64), ClientRetry("a" * 64, 2, 1.5)])
async def test_the_clients_own_retries_are_announced_with_both_methods(retry: ClientRetry | None) -> None:
    seen: list[dict[str, str]] = []

    async def note(_: bytes, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        seen.append({key: value for key, value in metadata.items() if key.startswith("relay-")})
        await context.abort(grpc.StatusCode.UNIMPLEMENTED)

    async with answering(note) as client:
        with pytest.raises(RelayError):
            await client.process(HI, client_retry=retry)
        with pytest.raises(RelayError):
            await anext(client.stream_process(HI, client_retry=retry))
    assert seen == [{} if retry is None else dict(retry.metadata)] * 2
