"""Traces as an operator sees them: real programs, a real OTLP receiver, one trace from the client to the provider."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import Unauthenticated
from llm_relay.messages import Event, Prompt
from llm_relay.messages.accounts import CallQuery
from llm_relay.trace_context import TraceContext, set_current_trace
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.support.mcp_stdio import MODERN_META, stdio_server
from tests.support.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from tests.support.programs import PROJECT, Program, running
from tests.support.relay_serve import served

pytestmark = pytest.mark.anyio

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLERS_SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{CALLERS_SPAN}-01"
TRACED = {"traceparent": TRACEPARENT, "tracestate": "vendor=opaque,other=1"}
SECRET, ANSWER, TAG = "a-secret-question", "a-secret-answer", "a-secret-tag"
KEY = "sk-standin"
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
GRPC, CALL, ATTEMPT = "relay.v1.RelayService/{}", "relay.call", "chat gpt-4o"


@dataclass
class Stack:
    """Server B with a provider behind it; programs in front of it get the same environment."""

    provider: OpenAIStandIn
    server_b: Program
    environment: Mapping[str, Any]

    @property
    def asked_by(self) -> list[str]:
        """The traceparent of each request to the provider, without the flags."""
        return [request.headers["traceparent"][:-3] for request in self.provider.requests]


@contextlib.asynccontextmanager
async def server_b(folder: Path, **settings: str) -> AsyncIterator[Stack]:
    async with (
        OpenAIStandIn(Script(words=(ANSWER,))) as provider,
        running(
            folder,
            "server_b",
            AI_PROVIDER="openai",
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=provider.base_url,
            GRPC_PORT="0",
            LOG_FORMAT="json",
            **settings,
        ) as program,
    ):
        yield Stack(provider, program, {"SERVER_B_TARGET": program.address, **settings})


def to(receiver: OtlpReceiver) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **QUICK}


async def read(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]


def traceparent_of(span: ReceivedSpan) -> str:
    """Returns the traceparent of a request made under a span, without the flags: the relay's own traces have more."""
    return f"00-{span.trace_id}-{span.span_id}"


def assert_chain(*spans: ReceivedSpan) -> None:
    """Asserts that each span is a child of the one before it (the first of the caller's) and lies within it."""
    assert [span.parent_id for span in spans] == [CALLERS_SPAN, *(span.span_id for span in spans[:-1])]
    for above, below in itertools.pairwise(spans):
        assert above.began_ns <= below.began_ns <= below.ended_ns


def assert_no_content(receiver: OtlpReceiver) -> None:
    for secret in (SECRET, ANSWER, TAG, KEY):
        assert secret.encode() not in receiver.raw


@pytest.mark.parametrize(
    ("path", "body", "method"),
    [
        ("/process", {"message": SECRET, "model": "gpt-4o"}, "Process"),
        ("/stream", {"message": SECRET, "model": "gpt-4o"}, "StreamProcess"),
        (
            "/v1/chat/completions",
            {"model": "gpt-4o", "messages": [{"role": "user", "content": SECRET}], "stream": True},
            "StreamProcess",
        ),
    ],
)
async def test_one_trace_leads_from_an_http_client_to_the_provider(
    tmp_path: Path, path: str, body: dict[str, Any], method: str
) -> None:
    async with (
        otlp_receiver() as receiver,
        server_b(tmp_path, **to(receiver)) as b,
        running(tmp_path, "gateway", HTTP_PORT="0", **b.environment) as gateway,
        httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=60) as client,
    ):
        headers = {**TRACED, "Idempotency-Key": "r-1", "X-Relay-Tags": f"team={TAG}"}
        assert ANSWER in (await client.post(path, json=body, headers=headers)).text
        spans = await receiver.trace(TRACE_ID, [f"POST {path}", GRPC.format(method), CALL, ATTEMPT])
        http, rpc, call, attempt = (spans[name] for name in (f"POST {path}", GRPC.format(method), CALL, ATTEMPT))
        assert_chain(http, rpc, call, attempt)
        assert [span.service for span in (http, rpc)] == ["relay-gateway", "relay-server-b"]
        assert [span.kind for span in (http, rpc, call, attempt)] == [2, 2, 1, 3]
        assert b.asked_by == [traceparent_of(attempt)]
        assert b.provider.requests[0].headers["tracestate"] == TRACED["tracestate"]
        assert http.attributes["http.response.status_code"] == 200
        assert rpc.attributes["rpc.grpc.status_code"] == 0
        assert {span.attributes["relay.request_id"] for span in (http, call, attempt)} == {"r-1"}
        assert call.attributes["relay.outcome"] == "stop"
        told = {name: attempt.attributes[f"gen_ai.{name}"] for name in ("operation.name", "provider.name")}
        assert told == {"operation.name": "chat", "provider.name": "openai"}
        assert attempt.attributes["gen_ai.request.model"] == "gpt-4o"
        assert attempt.attributes["gen_ai.response.finish_reasons"] == ["stop"]
        assert attempt.attributes["gen_ai.usage.input_tokens"] > 0
        assert attempt.attributes["gen_ai.usage.output_tokens"] > 0
        assert not any(span.is_error for span in spans.values())
        assert_no_content(receiver)
        (line,) = await b.server_b.told(r"(\{.*relay\.calls.*\})")
        assert json.loads(line)["trace_id"] == TRACE_ID
        async with AccountClient(Dial(target=b.server_b.address)) as accounts:
            (entry,) = (await accounts.calls(CallQuery())).calls
        assert entry.trace_id == TRACE_ID


@pytest.mark.parametrize("meta", [{}, MODERN_META])
async def test_one_trace_leads_from_an_mcp_client_over_stdio_to_the_provider(
    tmp_path: Path, meta: dict[str, Any]
) -> None:
    async with (
        otlp_receiver() as receiver,
        server_b(tmp_path, **to(receiver)) as b,
        stdio_server(tmp_path, "server_a", **b.environment) as server,
    ):
        if not meta:
            await server.initialize()
        await server.call(1, "send_message", {"message": SECRET, "model": "gpt-4o"}, **meta, **TRACED)
        assert (await server.answer(1))["result"]["structuredContent"]["aiResponse"] == ANSWER
        names = ["tools/call send_message", GRPC.format("Process"), CALL, ATTEMPT]
        spans = await receiver.trace(TRACE_ID, names)
        assert_chain(*(spans[name] for name in names))
        assert spans[names[0]].service == "relay-server-a"
        assert b.asked_by == [traceparent_of(spans[ATTEMPT])]
        assert_no_content(receiver)


async def test_server_bs_own_mcp_server_traces_without_a_hop_and_exports_at_its_end(tmp_path: Path) -> None:
    async with otlp_receiver() as receiver:
        environment: dict[str, Any] = {**to(receiver), "OTEL_BSP_SCHEDULE_DELAY": "600000", "AI_PROVIDER": "mock"}
        async with stdio_server(tmp_path, "server_b", "stdio", **environment) as server:
            await server.initialize()
            await server.call(1, "process_message", {"message": SECRET, "model": "gpt-4o"}, **TRACED)
            await server.answer(1)
            assert await server.close_stdin() == 0
        names = ["tools/call process_message", CALL, ATTEMPT]
        spans = await receiver.trace(TRACE_ID, names)
        assert_chain(*(spans[name] for name in names))
        assert_no_content(receiver)


@pytest.mark.parametrize("by", ["header", "_meta"])
async def test_mcp_over_http_prefers_the_trace_of_the_message_to_that_of_the_request(tmp_path: Path, by: str) -> None:
    other = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    async with (
        otlp_receiver() as receiver,
        server_b(tmp_path, **to(receiver)) as b,
        running(tmp_path, "server_a", "http", MCP_PORT_A="0", **b.environment) as server,
        httpx2.AsyncClient(trust_env=False, timeout=60) as http,
    ):
        asked = {"name": "send_message", "arguments": {"message": SECRET}}
        meta = {**MODERN_META, **(TRACED if by == "_meta" else {})}
        headers: dict[str, Any] = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN_META["io.modelcontextprotocol/protocolVersion"],
            "Mcp-Method": "tools/call",
            "Mcp-Name": "send_message",
            **(TRACED if by == "header" else other),
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {**asked, "_meta": meta}}
        answer = await http.post(f"http://{server.address}/mcp", json=message, headers=headers)
        assert ANSWER in answer.text
        names = ["tools/call send_message", GRPC.format("Process"), CALL, ATTEMPT]
        spans = await receiver.trace(TRACE_ID, names)
        assert_chain(*(spans[name] for name in names))


async def test_a_request_that_joined_a_call_has_a_link_to_it(tmp_path: Path) -> None:
    async with otlp_receiver() as receiver, server_b(tmp_path, **to(receiver)) as b:
        b.provider.script = Script(words=(ANSWER,), first_delay_s=600)
        prompt = Prompt(message=SECRET, model="gpt-4o", request_id="r-1")
        admitted: asyncio.Queue[object] = asyncio.Queue()
        async with RelayClient(Dial(target=b.server_b.address)) as client:
            reading = [asyncio.create_task(read(client.stream_process(prompt, on_admitted=admitted.put_nowait)))]
            reading += [asyncio.create_task(read(client.stream_process(prompt, on_admitted=admitted.put_nowait)))]
            async with asyncio.timeout(60):
                await admitted.get()
                await admitted.get()
                await b.provider.next_request()
                await client.cancel("r-1")
                await asyncio.gather(*reading)
        spans = await receiver.until(lambda spans: sum(span.name == CALL for span in spans) == 2)
        by_outcome = {span.attributes["relay.outcome"]: span for span in spans if span.name == CALL}
        assert by_outcome["joined"].linked == (by_outcome["cancelled"].span_id,)
        assert by_outcome["joined"].trace_id != by_outcome["cancelled"].trace_id
        assert len(b.provider.requests) == 1


async def test_a_refusal_is_in_its_trace_and_health_checks_start_no_trace(tmp_path: Path) -> None:
    async with (
        otlp_receiver() as receiver,
        server_b(tmp_path, RELAY_TOKENS="alice:a-1", **to(receiver)) as b,
        running(tmp_path, "gateway", HTTP_PORT="0", RELAY_TOKEN="a-1", **b.environment) as gateway,
        httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=60) as client,
        RelayClient(Dial(target=b.server_b.address)) as stranger,
    ):
        assert (await client.get("/health")).status_code == 200
        set_current_trace(TraceContext.read(TRACEPARENT))
        with pytest.raises(Unauthenticated):
            await stranger.process(Prompt(message=SECRET))
        headers = {**TRACED, "Authorization": "Bearer a-1"}
        (line,) = await b.server_b.told(r"(\{.*refused.*\})")
        assert json.loads(line)["trace_id"] == TRACE_ID
        assert (await client.post("/process", json={"message": ""}, headers=headers)).status_code == 422
        (span,) = await receiver.until(bool)
        assert (span.name, span.attributes["http.response.status_code"]) == ("POST /process", 422)
        assert not span.is_error


async def test_each_attempt_has_a_span_and_a_failure_is_recorded_without_its_text(tmp_path: Path) -> None:
    async with otlp_receiver() as receiver, server_b(tmp_path, **to(receiver)) as b:
        refused = Fault(kind=FaultKind.STATUS, status=503, times=1, headers={"retry-after": "0"}, message=SECRET)
        b.provider.script = Script(words=(ANSWER,), fault=refused)
        async with RelayClient(Dial(target=b.server_b.address)) as client:
            await client.process(Prompt(message=SECRET, model="gpt-4o"))
        spans = await receiver.until(lambda spans: len(spans) == 4)
        call = next(span for span in spans if span.name == CALL)
        attempts = [span for span in spans if span.name == ATTEMPT]
        assert [span.parent_id for span in attempts] == [call.span_id] * 2
        assert [span.is_error for span in attempts] == [True, False]
        assert attempts[0].attributes["error.type"] == "PROVIDER_UNAVAILABLE"
        assert "gen_ai.usage.input_tokens" not in attempts[0].attributes
        assert b.asked_by == [traceparent_of(span) for span in attempts]
        (root,) = [span for span in spans if not span.parent_id]
        assert root.name == GRPC.format("Process")
        assert_no_content(receiver)


async def test_an_unsampled_caller_is_not_recorded_and_its_trace_goes_on(tmp_path: Path) -> None:
    unsampled = TRACEPARENT.removesuffix("01") + "00"
    async with (
        otlp_receiver() as receiver,
        server_b(tmp_path, **to(receiver)) as b,
        running(tmp_path, "gateway", HTTP_PORT="0", **b.environment) as gateway,
        httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=60) as client,
    ):
        await client.post("/process", json={"message": "Hi"}, headers={"traceparent": unsampled})
        await client.post("/process", json={"message": "Hi"}, headers={"traceparent": TRACEPARENT})
        assert b.provider.requests[0].headers["traceparent"] == unsampled
        await receiver.until(lambda spans: len(spans) == 4)
        assert {span.trace_id for span in receiver.spans} == {TRACE_ID}


async def test_relay_serve_traces_all_its_programs_by_variables_of_the_env_file(tmp_path: Path) -> None:
    async with otlp_receiver() as receiver:
        variables = {**to(receiver), "OTEL_EXPORTER_OTLP_HEADERS": "x-key=k-1"}
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        async with served(tmp_path, AI_PROVIDER="mock") as relay:
            assert await relay.over_mcp()
            assert await relay.over_http()
            services = {"relay-server-a", "relay-server-b", "relay-gateway"}
            await receiver.until(lambda spans: {span.service for span in spans} >= services)
            assert not re.search("OTEL|not a setting", "".join(relay.program.lines))
        assert {headers.get("x-key") for headers in receiver.headers} == {"k-1"}


async def test_a_missing_receiver_fails_no_call_and_delays_no_shutdown(tmp_path: Path) -> None:
    async with server_b(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", **QUICK) as b:
        async with RelayClient(Dial(target=b.server_b.address)) as client:
            assert (await client.process(Prompt(message=SECRET))).text == ANSWER
        assert await b.server_b.stop(signal.SIGTERM) == 0
        assert SECRET not in "".join(b.server_b.lines)


NOT_INSTALLED = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "PYTHONPATH": "absent"},
            r"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, .*pip install 'grpc-llm-relay\[otel\]'",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            r"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf: .*only be sent over grpc",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
            r"OTEL_\*: .*'soon'",
        ),
    ],
)
async def test_an_unusable_trace_setting_is_reported_and_calls_are_served_anyway(
    tmp_path: Path, variables: dict[str, str], told: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOT_INSTALLED)
    if "PYTHONPATH" in variables:
        variables = {**variables, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(PROJECT)))}
    async with server_b(tmp_path, **variables) as b:
        async with RelayClient(Dial(target=b.server_b.address)) as client:
            assert (await client.process(Prompt(message="Hi"))).text == ANSWER
        assert len(re.findall(told, "".join(b.server_b.lines))) == 1
        assert "sent to" not in "".join(b.server_b.lines)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
async def test_where_traces_are_off_the_callers_context_reaches_the_provider_unchanged(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    async with (
        server_b(tmp_path, **variables) as b,
        running(tmp_path, "gateway", HTTP_PORT="0", **b.environment) as gateway,
        stdio_server(tmp_path, "server_a", **b.environment) as server,
        httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=60) as client,
    ):
        await server.initialize()
        await server.call(1, "send_message", {"message": "Hi"}, **TRACED)
        await server.answer(1)
        await client.post("/process", json={"message": "Hi"}, headers=TRACED)
        await client.post("/process", json={"message": "Hi"})
        told = [request.headers for request in b.provider.requests]
        assert [(one.get("traceparent"), one.get("tracestate")) for one in told] == [tuple(TRACED.values())] * 2 + [
            (None, None)
        ]
        lines = await b.server_b.told(r"(\{.*relay\.calls.*\})", times=3)
        assert [json.loads(line).get("trace_id") for line in lines] == [TRACE_ID, TRACE_ID, None]
        assert "Traces" not in "".join([*b.server_b.lines, *gateway.lines, *server.log])
