"""The gRPC servicer, called over a real channel by a client that shares only the messages with our code."""

import asyncio
import logging
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import Prompt
from server_b.core.limits import Limits
from server_b.providers.base import Text
from tests.support.chains import ONCE
from tests.support.listing import Listing
from tests.support.scripted import ENDING, HELLO, OPENING, PATIENCE_S, End, ScriptedProvider, Step
from tests.support.serving import serving
from tests.support.wire import METHODS, events, refusal, wire

pytestmark = pytest.mark.anyio

HI = pb.ProcessRequest(message="Hi", request_id="id-1")
HI_STREAMED = pb.StreamProcessRequest(message="Hi", request_id="id-1")
SECRET = "sk-live-0123456789"

both_methods = pytest.mark.parametrize(
    ("method", "request_type"), [("Process", pb.ProcessRequest), ("StreamProcess", pb.StreamProcessRequest)]
)


async def test_a_whole_answer_has_all_its_fields() -> None:
    async with serving(ScriptedProvider()) as server, wire(server.target) as client:
        response = pb.ProcessResponse.FromString(await client.whole("Process", HI))
    assert (response.request_id, response.text, response.provider) == ("id-1", "Hello", "scripted")
    assert (response.model, response.finish_reason) == ("scripted-model", pb.FINISH_REASON_STOP)
    assert (response.usage.input_tokens, response.usage.accuracy) == (5, pb.ACCURACY_EXACT)
    assert not response.usage.HasField("reasoning_tokens")
    assert not response.cost.HasField("nano_usd")
    assert response.HasField("completed_at")
    assert response.HasField("duration")


async def test_a_stream_is_started_deltas_and_one_finished_then_ok() -> None:
    async with serving(ScriptedProvider()) as server, wire(server.target) as client:
        call = client.stream(HI_STREAMED)
        found = await events(call)
        assert await call.code() is grpc.StatusCode.OK
    assert [event.WhichOneof("event") for event in found] == ["started", "delta", "finished"]
    assert [event.sequence for event in found] == [1, 3, 4]
    assert found[0].started.request_id == "id-1"


@both_methods
@pytest.mark.parametrize("request_id", ["id-1", ""])
async def test_initial_metadata_with_the_request_id_is_sent_before_the_provider_answers(
    method: str, request_type: type[Message], request_id: str
) -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([gate, *HELLO])
    async with serving(provider) as server, wire(server.target) as client:
        # Called as a stream even if it is not one: grpc.aio shows a whole answer's metadata only with the answer.
        call = client.stream(request_type(message="Hi", request_id=request_id), method=method)
        metadata = dict(await call.initial_metadata())
        assert metadata["relay-request-id"] == request_id or not request_id
        assert metadata["relay-request-id"]
        cancel = pb.CancelRequest(request_id=metadata["relay-request-id"])
        answer = pb.CancelResponse.FromString(await client.whole("Cancel", cancel))
        assert answer.found
        assert [data async for data in call]
        assert provider.tries[0].end is End.ABORTED


@pytest.mark.parametrize("method", METHODS)
async def test_malformed_protobuf_is_an_invalid_argument_that_names_the_message(method: str) -> None:
    async with serving() as server, wire(server.target) as client:
        code, text, info, _ = await refusal(client.begin(method, b"\xff\xff\xff"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert METHODS[method].DESCRIPTOR.full_name in text
    assert (info.reason, info.domain) == ("INVALID_REQUEST", "relay.v1")


@pytest.mark.parametrize("method", METHODS)
async def test_unknown_fields_of_a_newer_client_are_ignored(method: str) -> None:
    good: dict[str, Any] = {"Process": HI, "StreamProcess": HI_STREAMED, "Cancel": pb.CancelRequest(request_id="id-1")}
    request = good.get(method, METHODS[method]()).SerializeToString() + b"\xc8\x0c\x01"
    async with serving(ScriptedProvider()) as server, wire(server.target) as client:
        call = client.begin(method, request)
        assert await (events(call) if method == "StreamProcess" else call) is not None


@both_methods
async def test_every_bad_field_is_a_violation_and_none_repeats_the_text(
    method: str, request_type: type[Message]
) -> None:
    request: Any = request_type(message=" ", context=f"{SECRET}\0", max_tokens=0, request_id="id-1")
    request.temperature = float("nan")
    request.history.add(role=0, text=" ")
    provider = ScriptedProvider()
    async with serving(provider) as server, wire(server.target) as client:
        code, text, info, status = await refusal(client.begin(method, request))
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Is(bad_request.DESCRIPTOR) and detail.Unpack(bad_request) for detail in status.details)
    fields = sorted(violation.field for violation in bad_request.field_violations)
    assert fields == ["context", "history[0].role", "history[0].text", "max_tokens", "message", "temperature"]
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert info.metadata["request_id"] == "id-1"
    assert SECRET not in text + str(status)
    assert provider.tries == []


@both_methods
async def test_more_bad_turns_than_a_status_can_carry_are_still_an_invalid_request(
    method: str, request_type: type[Message]
) -> None:
    request: Any = request_type(message="Hi")
    for _ in range(3000):
        request.history.add()
    async with serving() as server, wire(server.target) as client:
        code, _, info, _ = await refusal(client.begin(method, request))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


@both_methods
async def test_an_oversize_request_is_refused_and_the_server_survives(method: str, request_type: type[Message]) -> None:
    request = request_type(message="x" * 10_000)
    async with serving(ScriptedProvider(), max_message_bytes=5_000) as server, wire(server.target) as client:
        code, text, _, _ = await refusal(client.begin(method, request))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in text
        assert await client.whole("Process", HI)


@pytest.mark.parametrize(
    "resume",
    [
        pb.StreamProcessRequest(message="Hi", request_id="id-1", after_sequence=1),
        pb.StreamProcessRequest(message="Hi", request_id="id-1", resume_window=Duration(seconds=30)),
    ],
    ids=["after_sequence", "resume_window"],
)
async def test_a_resume_is_unsupported(resume: pb.StreamProcessRequest) -> None:
    async with serving() as server, wire(server.target) as client:
        code, _, info, _ = await refusal(client.stream(resume))
    assert (code, info.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")
    assert info.metadata["request_id"] == "id-1"


@pytest.mark.parametrize("request_id", ["", "not good", "x" * 129])
async def test_cancel_needs_a_request_id(request_id: str) -> None:
    async with serving() as server, wire(server.target) as client:
        code, _, info, _ = await refusal(client.whole("Cancel", pb.CancelRequest(request_id=request_id)))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_cancel_of_an_unknown_call_finds_nothing() -> None:
    async with serving() as server, wire(server.target) as client:
        data = await client.whole("Cancel", pb.CancelRequest(request_id="id-1"))
    assert not pb.CancelResponse.FromString(data).found


async def test_a_failing_provider_is_asked_for_its_models_once_though_channels_retry() -> None:
    provider = Listing(ProviderUnavailable())
    async with serving(provider) as server, server.client() as client:
        with pytest.raises(ProviderUnavailable):
            await client.list_models()
    assert provider.asked == 1


@pytest.mark.parametrize("ending", [OPENING, ProviderUnavailable(), ProviderRateLimited()])
async def test_every_error_says_whether_the_provider_may_have_worked(ending: Step) -> None:
    async with serving(ScriptedProvider([ending]), limits=ONCE) as server, server.client() as client:
        with pytest.raises(RelayError) as failed:
            await client.process(Prompt(message="Hi"))
    assert failed.value.may_have_worked is not isinstance(ending, ProviderRateLimited)


async def test_the_models_and_the_status_are_returned() -> None:
    async with serving() as server, wire(server.target) as client:
        await client.whole("Process", HI)
        models = pb.ListModelsResponse.FromString(await client.whole("ListModels", b""))
        status = pb.GetStatusResponse.FromString(await client.whole("GetStatus", b""))
    assert (models.provider, list(models.models), models.default_model) == ("mock", ["mock-model"], "mock-model")
    assert (status.server, status.state, status.provider) == ("Server B", pb.STATE_HEALTHY, "mock")
    assert (status.calls_processed, status.default_temperature, status.default_max_tokens) == (1, 0.7, 1000)


# Failures.


@both_methods
async def test_the_providers_retry_time_and_the_usage_reach_the_caller(
    method: str, request_type: type[Message]
) -> None:
    provider = ScriptedProvider([ProviderRateLimited(retry_after_s=99.5)])
    async with serving(provider) as server, wire(server.target) as client:
        call = client.begin(method, request_type(message="Hi", request_id="id-1"))
        code, _, info, status = await refusal(call)
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED")
    assert info.metadata["request_id"] == "id-1"
    retry, spent = error_details_pb2.RetryInfo(), pb.Finished()
    for detail in status.details:
        for wanted in (retry, spent):
            detail.Unpack(wanted)
    assert retry.retry_delay.ToMilliseconds() == 99_500
    assert spent.finish_reason == pb.FINISH_REASON_UNSPECIFIED
    assert (spent.usage.input_tokens, spent.usage.accuracy) == (0, pb.ACCURACY_EXACT)


@both_methods
async def test_the_deadline_is_reported_with_the_usage_before_the_callers_own_clock_ends(
    method: str, request_type: type[Message]
) -> None:
    provider = ScriptedProvider([OPENING, Text("Hello"), asyncio.Event()])
    async with serving(provider) as server, wire(server.target) as client:
        request = request_type(message="Hi")
        call = (client.stream if method == "StreamProcess" else _process(client))(request, timeout_s=1.0)
        code, _, info, status = await refusal(call)
    assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert any(detail.Is(pb.Finished.DESCRIPTOR) for detail in status.details)
    assert provider.tries[0].end is End.ABORTED


def _process(client: Any) -> Any:
    return lambda request, timeout_s: client.whole("Process", request, timeout_s=timeout_s)


@both_methods
@pytest.mark.parametrize("moment", ["before the first event", "during the stream"])
async def test_a_client_that_cancels_its_call_aborts_the_provider(
    method: str, request_type: type[Message], moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    begun: list[Step] = [] if moment == "before the first event" else [OPENING, Text("a")]
    provider = ScriptedProvider([*begun, asyncio.Event()])
    async with serving(provider) as server, wire(server.target) as client:
        call = client.begin(method, request_type(message="Hi"))
        await provider.until_waiting()
        call.cancel()
        assert await provider.until_ended() is End.ABORTED
        assert await server.relay.wait_idle(PATIENCE_S)
    assert [record.name for record in caplog.records] == ["relay.calls"]


@both_methods
async def test_a_client_whose_connection_is_lost_aborts_the_provider(method: str, request_type: type[Message]) -> None:
    provider = ScriptedProvider([OPENING, asyncio.Event()])
    async with serving(provider) as server:
        async with wire(server.target) as client:
            call = client.begin(method, request_type(message="Hi"))
            await provider.until_waiting()
        assert await provider.until_ended() is End.ABORTED
        assert call.cancelled()


async def test_a_caller_who_reads_nothing_is_dropped_after_the_stall_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    provider = ScriptedProvider([OPENING, *[Text("x" * 50_000)] * 100, ENDING])
    async with serving(provider, stall_s=0.2) as server, wire(server.target, http2__bdp_probe=0) as client:
        call = client.stream(HI_STREAMED)
        assert await provider.until_ended() is End.ABORTED
        code, text, info, _ = await refusal(call)
    assert (code, info.reason) == (grpc.StatusCode.CANCELLED, "CANCELLED")
    assert "STALL_SECONDS" in text
    assert [record.name for record in caplog.records] == ["relay.calls"]


@both_methods
@pytest.mark.parametrize("during_the_stream", [True, False])
async def test_the_text_of_an_unexpected_error_reaches_neither_caller_nor_log(
    method: str, request_type: type[Message], during_the_stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script: list[Step] = [OPENING, Text("a"), ValueError(SECRET)] if during_the_stream else [ValueError(SECRET)]
    provider = ScriptedProvider(script)
    async with serving(provider) as server, wire(server.target) as client:
        request = request_type(message="Hi", request_id="id-1")
        code, text, info, status = await refusal(client.begin(method, request))
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert text == "internal error (request_id id-1)"
    assert SECRET not in str(status)
    assert SECRET not in caplog.text


async def test_an_unexpected_error_outside_a_call_says_no_more(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedProvider):
        async def list_models(self) -> Any:
            raise ValueError(SECRET)

    caplog.set_level(logging.DEBUG)
    async with serving(Broken()) as server, wire(server.target) as client:
        code, text, info, _ = await refusal(client.whole("ListModels", b""))
    assert (code, text, info.reason) == (grpc.StatusCode.INTERNAL, "internal error", "INTERNAL")
    assert SECRET not in caplog.text
    assert "ValueError" in caplog.text


async def test_overload_is_reported_with_a_time_to_retry() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider([gate, *HELLO])
    async with serving(provider, limits=Limits(concurrent_calls=1)) as server, wire(server.target) as client:
        running = client.whole("Process", HI)
        await provider.until_waiting()
        code, _, info, status = await refusal(client.stream(pb.StreamProcessRequest(message="Hi")))
        gate.set()
        assert await running
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)


@both_methods
async def test_initial_metadata_lists_the_options_without_effect(method: str, request_type: type[Message]) -> None:
    provider = ScriptedProvider()
    provider.ignored = ("options.thinking", "options.provider_options.x.a b")
    request = request_type(message="Hi", options=pb.Options(thinking=pb.Thinking(effort="low")))
    async with serving(provider) as server, wire(server.target) as client:
        call = client.begin(method, request)
        metadata = dict(await call.initial_metadata())
        call.cancel()
        plain = client.begin(method, request_type(message="Hi"))
        without = dict(await plain.initial_metadata())
        plain.cancel()
    assert metadata["relay-ignored"] == "options.thinking"
    assert "relay-ignored" not in without


@both_methods
async def test_a_required_option_without_effect_refuses_the_call(method: str, request_type: type[Message]) -> None:
    provider = ScriptedProvider()
    provider.ignored = ("options.thinking",)
    request = request_type(message="Hi", options=pb.Options(thinking=pb.Thinking(effort="low")))
    async with serving(provider) as server, wire(server.target) as client:
        call = client.begin(method, request, (("relay-required", "a,options.thinking"),))
        code, text, info, _ = await refusal(call)
    assert (code, info.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED")
    assert text.startswith("options.thinking: ")
    assert provider.tries == []
