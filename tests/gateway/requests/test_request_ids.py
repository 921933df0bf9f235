"""X-Request-Id is only for logs; Idempotency-Key or the body's request_id is the key of the call."""

import asyncio
import logging
from typing import Any

import pytest

from tests.support.gateways import gateway
from tests.support.logged import logged_facts
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

HI = {"message": "Hi"}


@pytest.mark.parametrize(
    ("body", "headers", "call", "request_id"),
    [
        ({"request_id": "body-1"}, {}, "body-1", "body-1"),
        ({}, {"Idempotency-Key": "key-1"}, "key-1", "key-1"),
        ({}, {"Idempotency-Key": '"key-1"'}, "key-1", "key-1"),
        ({"request_id": ""}, {"Idempotency-Key": "key-1"}, "key-1", "key-1"),
        ({"request_id": None}, {"Idempotency-Key": "key-1"}, "key-1", "key-1"),
        ({"request_id": "body-1"}, {"Idempotency-Key": "key-1"}, "body-1", "body-1"),
        ({"request_id": "body-1"}, {"X-Request-Id": "trace-1"}, "body-1", "trace-1"),
        ({}, {"Idempotency-Key": "key-1", "X-Request-Id": "trace-1"}, "key-1", "trace-1"),
    ],
)
@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_the_call_has_its_key_and_the_answer_the_clients_id(
    body: dict[str, Any], headers: dict[str, str], call: str, request_id: str, route: str
) -> None:
    provider = ScriptedProvider()
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        response = await client.post(route, json={**HI, **body}, headers=headers)
    assert provider.tries[0].prompt.request_id == call
    assert f'"requestId":"{call}"' in response.text
    assert response.headers["x-request-id"] == request_id


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_calls_with_the_same_trace_id_are_not_joined(route: str) -> None:
    provider = ScriptedProvider((OPENING, asyncio.Event(), ENDING))
    headers = {"X-Request-Id": "trace-1"}
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        calls = [
            asyncio.create_task(client.post(route, json={"message": message}, headers=headers))
            for message in ("Hi", "Hi", "Ho")
        ]
        await provider.until_waiting(3)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    ids = {one.prompt.request_id for one in provider.tries}
    assert len(ids) == 3
    assert "trace-1" not in ids


@pytest.mark.parametrize("place", ["header", "body"])
async def test_a_repeated_key_gets_the_stored_answer(place: str) -> None:
    provider = ScriptedProvider()
    headers = {"Idempotency-Key": "key-1"} if place == "header" else {}
    body = HI if place == "header" else {**HI, "request_id": "key-1"}
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        answers = [
            (await client.post("/process", json=body, headers={**headers, "X-Request-Id": trace})).json()
            for trace in ("trace-1", "trace-2")
        ]
    assert len(provider.tries) == 1
    assert answers[0] == answers[1]


@pytest.mark.parametrize("key", ["no good key", '"', "x" * 129, "\xfc"])
async def test_a_bad_key_is_refused_by_the_headers_name(key: str) -> None:
    async with gateway() as client:
        response = await client.post("/process", json=HI, headers={b"Idempotency-Key": key.encode()})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("given", [None, "", "no good id", "x" * 129])
async def test_a_request_without_a_valid_id_gets_a_new_one(given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        first = await client.post("/process", json=HI, headers=headers)
        second = await client.get("/models", headers=headers)
    ids = {first.headers["x-request-id"], second.headers["x-request-id"]}
    assert len(ids - {given}) == 2
    assert first.json()["requestId"] in ids


async def test_the_log_has_both_ids(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        await client.post("/process", json={**HI, "request_id": "call-1"}, headers={"X-Request-Id": "trace-1"})
    (line,) = [one for one in logged_facts(caplog, "gateway.requests") if one["path"] == "/process"]
    assert (line["request_id"], line["call_id"]) == ("trace-1", "call-1")
