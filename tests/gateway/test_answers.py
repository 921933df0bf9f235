"""What the routes answer, from a real Server B with a scripted provider."""

import asyncio
from typing import Any

import httpx2
import orjson
import pytest

from gateway.streaming import Pings
from llm_relay.errors import ProviderProtocol, ProviderRateLimited, UnknownModel
from server_b.core.limits import Limits, Patience
from server_b.grpc_server.server import Server
from server_b.providers.base import Text
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import NOBODY, PATIENCE_S, gateway, server_sent_events
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import create_relay, serving

pytestmark = pytest.mark.anyio

ONE_TRY = Limits(patience=Patience(attempts=1))


async def test_process_answers_the_documented_shape() -> None:
    async with serving(MockProvider(delay_s=0)) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", json={"message": "Hi", "request_id": "r-1"})
    document = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert document.pop("timestamp").endswith("Z")
    assert document.pop("processingTime") >= 0
    text = "[MOCK RESPONSE #1] You said: 'Hi'. This is a test response without calling any external API."
    assert document == {
        "status": "success",
        "aiResponse": text,
        "model": "mock-model",
        "usage": {
            "promptTokens": 1,
            "completionTokens": 16,
            "totalTokens": 17,
            "cacheReadTokens": None,
            "cacheWriteTokens": None,
            "reasoningTokens": None,
            "accuracy": "exact",
            "estimatedCost": 0.0,
            "priceSource": "mock",
        },
        "requestId": "r-1",
        "provider": "mock",
        "finishReason": "stop",
    }


async def test_stream_writes_deltas_then_one_finish_then_done() -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        response = await client.post("/stream", json={"message": "Hi", "request_id": "r-1"})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    *deltas, finish, done = server_sent_events(response.text)
    assert "".join(orjson.loads(delta["data"])["content"] for delta in deltas) == "Hello"
    assert [set(delta) for delta in deltas] == [{"id", "data"}] * len(deltas)
    sequences = [int(delta["id"]) for delta in deltas]
    assert sequences == sorted(set(sequences))
    assert sequences[-1] == 3
    assert done == {"data": "[DONE]"}
    assert finish["event"] == "finish"
    document = orjson.loads(finish["data"])
    assert set(document) == {
        "requestId", "model", "provider", "finishReason", "usage", "timestamp", "processingTime",
    }  # fmt: skip
    assert (document["requestId"], document["provider"], document["finishReason"]) == ("r-1", "scripted", "stop")
    assert document["usage"]["totalTokens"] == 8


async def test_each_delta_is_written_as_it_arrives() -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, Text("first"), go_on, Text("second"), ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as client,
        client.stream("POST", "/stream", json={"message": "Hi"}) as response,
    ):
        lines = response.aiter_lines()
        assert [await anext(lines), await anext(lines)] == ["id: 2", 'data: {"content": "first"}']
        go_on.set()
        assert [line async for line in lines if "content" in line] == ['data: {"content": "second"}']


async def test_a_failure_before_the_first_delta_has_its_own_status() -> None:
    provider = ScriptedProvider((OPENING, ProviderRateLimited(retry_after_s=1.2)))
    async with serving(provider, limits=ONE_TRY) as server_b, gateway(server_b.target) as client:
        response = await client.post("/stream", json={"message": "Hi", "request_id": "r-1"})
    assert response.status_code == 429
    assert response.headers["retry-after"] == "2"
    assert (response.json()["reason"], response.json()["requestId"]) == ("PROVIDER_RATE_LIMITED", "r-1")


async def test_a_failure_after_the_first_delta_is_the_last_line() -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), ProviderProtocol()))
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        response = await client.post("/stream", json={"message": "Hi", "request_id": "r-1"})
    assert response.status_code == 200
    delta, failure = server_sent_events(response.text)
    assert delta == {"id": "2", "data": '{"content": "Hel"}'}
    document = orjson.loads(failure["data"])
    assert document.pop("usage")["accuracy"] == "estimated"
    assert document == {
        "error": ProviderProtocol.default_message,
        "reason": "PROVIDER_PROTOCOL",
        "requestId": "r-1",
    }


async def test_the_problem_of_a_call_that_had_begun_has_its_usage() -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), ProviderProtocol()))
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", json={"message": "Hi"})
    assert response.status_code == 502
    usage = response.json()["usage"]
    assert (usage["accuracy"], usage["promptTokens"]) == ("estimated", 5)
    assert "estimatedCost" in usage


async def test_an_answer_without_text_is_a_stream_of_its_finish_alone() -> None:
    async with serving(ScriptedProvider((OPENING, ENDING))) as server_b, gateway(server_b.target) as client:
        response = await client.post("/stream", json={"message": "Hi"})
    assert [event.get("event") for event in server_sent_events(response.text)] == ["finish", None]


async def test_silence_is_filled_with_pings() -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, Text("first"), go_on, ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target, pings=Pings(next_s=0.01)) as client,
        client.stream("POST", "/stream", json={"message": "Hi"}) as response,
    ):
        lines = [line async for line in _until_pings(response, 2, go_on)]
    assert lines.count(": ping") >= 2
    assert "data: [DONE]" in lines


async def _until_pings(response: httpx2.Response, count: int, go_on: asyncio.Event) -> Any:
    seen = 0
    async for line in response.aiter_lines():
        seen += line == ": ping"
        if seen >= count:
            go_on.set()
        yield line


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_an_error_of_the_provider_is_a_problem(route: str) -> None:
    async with serving(ScriptedProvider((UnknownModel(),))) as server_b, gateway(server_b.target) as client:
        response = await client.post(route, json={"message": "Hi", "model": "none"})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["reason"] == "UNKNOWN_MODEL"
    assert response.json()["requestId"] == response.headers["x-request-id"]


async def test_the_whole_prompt_arrives() -> None:
    provider = ScriptedProvider()
    turns = [{"role": "user", "text": "One?"}, {"role": "ROLE_ASSISTANT", "text": "Two."}]
    fields = {"context": "Count.", "model": "m", "temperature": 0, "max_tokens": 7, "request_id": None}
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        await client.post("/process", json={"message": "Three?", "history": turns, **fields})
    prompt = provider.tries[0].prompt
    assert (prompt.message, prompt.context, prompt.model) == ("Three?", "Count.", "m")
    assert (prompt.temperature, prompt.max_tokens) == (0, 7)
    assert [(turn.role.value, turn.text) for turn in prompt.history] == [("user", "One?"), ("assistant", "Two.")]


async def test_the_head_and_a_ping_come_before_a_late_first_delta() -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, go_on, Text("late"), ENDING))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target, pings=Pings(first_s=0.01, next_s=0.01)) as client,
        client.stream("POST", "/stream", json={"message": "Hi"}) as response,
    ):
        lines = [line async for line in _until_pings(response, 2, go_on)]
    assert response.status_code == 200
    assert lines.index(": ping") < lines.index('data: {"content": "late"}')
    assert "data: [DONE]" in lines


async def test_a_failure_after_the_head_is_the_last_line_even_without_a_delta() -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, go_on, ProviderProtocol()))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target, pings=Pings(first_s=0.01)) as client,
        client.stream("POST", "/stream", json={"message": "Hi", "request_id": "r-1"}) as response,
    ):
        lines = [line async for line in _until_pings(response, 1, go_on)]
    failure = orjson.loads(lines[-2].removeprefix("data: "))
    assert (failure["reason"], failure["requestId"]) == ("PROVIDER_PROTOCOL", "r-1")
    assert "data: [DONE]" not in lines


def test_a_stream_is_silent_for_10_seconds_at_most_before_its_first_delta_and_15_after_it() -> None:
    assert (Pings().first_s, Pings().next_s) == (10, 15)


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_the_deadline_header_limits_the_call(route: str) -> None:
    provider = ScriptedProvider((asyncio.Event(),))
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        response = await client.post(route, json={"message": "Hi"}, headers={"X-Request-Timeout": "2"})
        await provider.until_ended()
    assert response.status_code == 504
    assert response.json()["reason"] == "DEADLINE_EXCEEDED"


async def test_timeout_seconds_is_the_deadline_of_requests_without_one() -> None:
    async with (
        serving(ScriptedProvider((asyncio.Event(),))) as server_b,
        gateway(server_b.target, timeout_seconds=0.2) as client,
    ):
        response = await client.post("/process", json={"message": "Hi"})
    assert response.status_code == 504


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e3", "86401", "soon", "", "1_0", "0.0", "+5", "5."])
@pytest.mark.parametrize(("method", "route"), [("POST", "/process"), ("POST", "/stream"), ("GET", "/health")])
async def test_a_bad_deadline_is_refused_by_name(
    alone: httpx2.AsyncClient, method: str, route: str, value: str
) -> None:
    response = await alone.request(method, route, content=b"{}", headers={"X-Request-Timeout": value})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "X-Request-Timeout"


async def test_cancel_ends_a_running_stream_softly() -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), asyncio.Event()))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as client,
        client.stream("POST", "/stream", json={"message": "Hi", "request_id": "r-1"}) as response,
    ):
        found = await client.post("/cancel/r-1")
        lines = [line async for line in response.aiter_lines()]
    assert found.json() == {"found": True}
    assert '"finishReason":"cancelled"' in "".join(lines)
    assert "data: [DONE]" in lines


async def test_cancel_of_an_unknown_id_finds_nothing() -> None:
    async with serving() as server_b, gateway(server_b.target) as client:
        assert (await client.post("/cancel/nobody")).json() == {"found": False}


async def test_cancel_of_a_bad_id_is_refused_by_name(alone: httpx2.AsyncClient) -> None:
    response = await alone.post("/cancel/no%20id")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "request_id"


async def test_models_and_config_show_what_server_b_has() -> None:
    async with serving(MockProvider(delay_s=0)) as server_b, gateway(server_b.target) as client:
        models, config = await client.get("/models"), await client.get("/config")
    assert models.json()["models"] == ["mock-model"]
    assert (models.json()["provider"], models.json()["default"]) == ("mock", "mock-model")
    assert config.json() == {
        "provider": "mock",
        "defaultModel": "mock-model",
        "temperature": 0.7,
        "maxTokens": 1000,
    }


async def test_health_shows_server_bs_health() -> None:
    async with serving(MockProvider(delay_s=0)) as server_b, gateway(server_b.target) as client:
        await client.post("/process", json={"message": "Hi"})
        document = (await client.get("/health")).json()
    assert document.pop("timestamp").endswith("Z")
    assert document == {
        "status": "healthy",
        "server": "Server B",
        "messagesProcessed": 1,
        "provider": "mock",
        "ai": {"configured": True, "status": "healthy"},
    }


async def test_health_is_unhealthy_where_server_b_is_unreachable(alone: httpx2.AsyncClient) -> None:
    response = await alone.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert NOBODY in response.json()["error"]


@pytest.mark.parametrize(("method", "route"), [("POST", "/process"), ("POST", "/stream"), ("GET", "/models")])
async def test_an_unreachable_server_b_is_reported_with_its_target(
    alone: httpx2.AsyncClient, method: str, route: str
) -> None:
    response = await alone.request(method, route, content=b'{"message": "Hi"}')
    assert response.status_code == 503
    assert response.json()["reason"] == "SERVER_B_UNAVAILABLE"
    assert NOBODY in response.json()["detail"]


async def test_a_server_b_that_returns_is_found_again() -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        assert (await client.post("/process", json={"message": "Hi"})).status_code == 200
        await server_b.server.drain(0, notice_s=0)
        assert (await client.post("/process", json={"message": "Hi"})).json()["reason"] == "SERVER_B_UNAVAILABLE"
        again = Server(create_relay(ScriptedProvider()))
        await again.start("127.0.0.1", server_b.port)
        async with asyncio.timeout(PATIENCE_S):
            while (await client.post("/process", json={"message": "Hi"})).status_code != 200:
                pass
        await again.drain(0, notice_s=0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/process/", 404), ("GET", "/process", 405), ("DELETE", "/models", 405)],
)
async def test_the_routers_refusals_are_problems_too(
    alone: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await alone.request(method, path)
    document = response.json()
    assert response.status_code == document["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["reason"] == "UNSUPPORTED"
    assert document["requestId"] == response.headers["x-request-id"]
    assert ("allow" in response.headers) is (status == 405)


@pytest.mark.parametrize(
    "path",
    [
        *("/health", "/models", "/config", "/docs", "/openapi.json", "/v1/models", "/v1/models/mock-model", "/nowhere"),
        *("/ui", "/ui/", "/ui/playground", "/ui/assets/ui.css"),
    ],
)
async def test_head_answers_as_get_does_without_the_body(path: str) -> None:
    async with serving(MockProvider(delay_s=0)) as server_b, gateway(server_b.target) as client:
        got, head = await client.get(path), await client.head(path)
    differs = {"date", "x-request-id"}
    assert head.status_code == got.status_code
    assert {k: v for k, v in head.headers.items() if k not in differs} == {
        k: v for k, v in got.headers.items() if k not in differs
    }
    assert head.content == b""


async def test_head_of_a_route_without_get_is_not_allowed(alone: httpx2.AsyncClient) -> None:
    response = await alone.head("/process")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_allow_does_not_list_head_for_a_route_that_has_only_get(alone: httpx2.AsyncClient) -> None:
    response = await alone.head("/ui/api/health", headers={"X-Relay-CSRF": "1"})
    assert (response.status_code, response.headers.get("allow")) == (405, "GET")


async def test_the_methods_of_a_route_are_listed(alone: httpx2.AsyncClient) -> None:
    assert (await alone.delete("/models")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/health", "/models", "/config", "/docs", "/nowhere", "/process", "/docs/openapi.json"]
)
async def test_no_proxy_may_keep_or_transform_an_answer(alone: httpx2.AsyncClient, path: str) -> None:
    assert (await alone.get(path)).headers["cache-control"] == "no-store, no-transform"
