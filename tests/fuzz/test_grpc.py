"""Server B's port against its own descriptors: every method of every service, and bytes that are no message."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import given
from hypothesis import strategies as st

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import ERRORS_BY_REASON
from llm_relay.messages import Prompt
from llm_relay.wire.errors import CODES
from server_b.grpc_server.standard_services import REFLECTION_V1
from tests.fuzz.conftest import Target, examples
from tests.fuzz.descriptors import messages

pytestmark = pytest.mark.anyio

RELAY = pb.DESCRIPTOR.services_by_name["RelayService"]
OTHERS: dict[str, type[Message]] = {
    "/grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest,
    "/grpc.health.v1.Health/Watch": health_pb2.HealthCheckRequest,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": reflection_pb2.ServerReflectionRequest,
    f"/{REFLECTION_V1}/ServerReflectionInfo": reflection_pb2.ServerReflectionRequest,
}
FAULTS = ("auth", "cut", "malformed", "rate_limit", "rejected", "server_error", "unknown_model", "nonsense")
MODELS = st.sampled_from(
    [f"mock-model?fault={fault}" for fault in FAULTS] + ["mock-model?fault=", "mock-model?delay=-1"]
)
NEVER = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
LIMIT_S = 60.0
"""Timeout of every call; Server B itself gives up after 5 s."""
WATCH_S = 0.05
"""Timeout of a health watch, which never ends by itself."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it is sent on the wire."""

    method: str
    body: bytes


def _calls() -> st.SearchStrategy[Call]:
    """Generates requests of the relay's own methods, valid but for their values."""
    return st.one_of(
        [
            _of(f"/{RELAY.full_name}/{method.name}", messages(method.input_type, model=MODELS))
            for method in RELAY.methods
        ]
    )


def _of(method: str, requests: st.SearchStrategy[Message]) -> st.SearchStrategy[Call]:
    return requests.map(lambda request: Call(method, request.SerializeToString()))


@st.composite
def _spoiled(draw: st.DrawFn) -> Call:
    """Generates a request that is cut, has other bytes in it, or is only such bytes; of any method, known or not."""
    sound = draw(_calls() | st.one_of([_of(name, messages(kind.DESCRIPTOR)) for name, kind in OTHERS.items()]))
    start, end = sorted((draw(st.integers(0, len(sound.body))), draw(st.integers(0, len(sound.body)))))
    method = draw(st.sampled_from([sound.method, sound.method, "/relay.v1.RelayService/Nothing", "/x.Y/Z"]))
    return Call(
        method, sound.body[:start] + draw(st.binary(max_size=20)) + sound.body[draw(st.sampled_from([start, end])) :]
    )


METADATA = st.lists(
    st.tuples(
        st.sampled_from(["authorization", "relay-on-behalf-of", "relay-request-id", "grpc-x", "x-any", "user-agent"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    ),
    max_size=3,
).map(tuple)


@pytest.mark.parametrize("requests", [_calls(), _spoiled()], ids=["messages", "bytes"])
async def test_every_request_is_answered_or_refused_with_a_reason(
    requests: st.SearchStrategy[Call], target: Target, seen: Counter[str]
) -> None:
    with grpc.insecure_channel(target.server_b.address) as channel:

        @examples(in_full=5_000, in_short=150)
        @given(call=requests, metadata=METADATA)
        def fuzz(call: Call, metadata: tuple[tuple[str, str], ...]) -> None:
            seen[_outcome(channel, call, metadata)] += 1

        await asyncio.to_thread(fuzz)
    async with RelayClient(Dial(target=target.server_b.address)) as client:
        answer = await client.process(Prompt(message="Still there?"))
    assert "Still there?" in answer.text
    assert target.is_unharmed()


def _outcome(channel: grpc.Channel, call: Call, metadata: tuple[tuple[str, str], ...]) -> str:
    """Sends a call; returns OK or the reason; raises AssertionError for an end that the contract does not know."""
    watch = call.method.endswith("/Watch")
    begin: Any = channel.stream_stream(call.method)
    answers = begin(iter([call.body]), timeout=WATCH_S if watch else LIMIT_S, metadata=metadata)
    try:
        for _ in answers:
            pass
    except grpc.RpcError as error:
        if watch and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return "OK"
        return _refusal(call, cast("grpc.Call", error))
    return "OK"


def _refusal(call: Call, error: grpc.Call) -> str:
    infos = list(_infos(error))
    if not call.method.startswith(f"/{RELAY.full_name}/") or call.method.endswith("/Nothing"):
        assert error.code() not in NEVER, error.details()
        return error.code().name
    assert infos, (error.code(), error.details())
    assert infos[0].reason != "INTERNAL"
    assert CODES[ERRORS_BY_REASON[infos[0].reason]] is error.code()
    return str(infos[0].reason)


def _infos(error: grpc.Call) -> Iterator[error_details_pb2.ErrorInfo]:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    yield info
