"""A POST is answered in the form that its Accept header asks for."""

import json
from typing import Any

import httpx2
import pytest

from tests.support.mcp_http import (
    ACCEPT,
    BOTH_FORMS,
    INITIALIZE,
    MODERN,
    PING,
    SESSION_ID,
    call,
    client,
    message_in,
    modern_call,
    open_session,
    request,
)
from tests.support.mcp_stdio import MODERN_META
from tests.support.programs import Program

pytestmark = pytest.mark.anyio

JSON = "application/json"
EVENTS = "text/event-stream"

ACCEPTED = [
    # the Accept header, the form with sessions, the form without
    (EVENTS, EVENTS, EVENTS),
    (JSON, JSON, JSON),
    (BOTH_FORMS, EVENTS, JSON),
    ("text/event-stream, application/json", EVENTS, JSON),
    ("*/*", EVENTS, JSON),
    (None, EVENTS, JSON),
    ("", EVENTS, JSON),
    ("text/*", EVENTS, EVENTS),
    ("application/*", JSON, JSON),
    ("Application/JSON", JSON, JSON),
    ("application/json; charset=utf-8", JSON, JSON),
    ("text/event-stream;q=0.9", EVENTS, EVENTS),
    ("application/json, text/event-stream;q=0", JSON, JSON),
    ("*/*, application/json;q=0.0", EVENTS, EVENTS),
    ("text/html, application/json", JSON, JSON),
    ("text/html, */*;q=0.1", EVENTS, JSON),
]


async def post(
    http: httpx2.AsyncClient, message: dict[str, Any], accept: str | None, **headers: str
) -> httpx2.Response:
    """Posts a message; `accept` None sends no Accept header."""
    built = http.build_request("POST", "/mcp", json=message, headers=headers)
    del built.headers["accept"]
    if accept is not None:
        built.headers["accept"] = accept
    return await http.send(built)


@pytest.mark.parametrize(("accept", "form"), [(accept, form) for accept, form, _ in ACCEPTED])
async def test_the_form_with_a_session(server_a: Program, accept: str | None, form: str) -> None:
    async with client(server_a) as http:
        opened = await post(http, INITIALIZE, accept)
        assert opened.headers["content-type"].startswith(form)
        assert message_in(opened)["result"]["serverInfo"]["name"] == "Server A"
        http.headers[SESSION_ID] = opened.headers[SESSION_ID]

        answer = await post(http, call("send_message_stream", message="Hi"), accept)
        assert answer.headers["content-type"].startswith(form)
        assert message_in(answer)["result"]["structuredContent"]["text"] == "Hello"

        notified = await post(http, {"jsonrpc": "2.0", "method": "notifications/initialized"}, accept)
        assert (notified.status_code, notified.content) == (202, b"")


@pytest.mark.parametrize(("accept", "form"), [(accept, form) for accept, _, form in ACCEPTED])
async def test_the_form_without_sessions(server_a: Program, accept: str | None, form: str) -> None:
    async with client(server_a, **MODERN) as http:
        answer = await post(http, modern_call(message="Hi"), accept)
    assert answer.headers["content-type"].startswith(form)
    assert message_in(answer)["result"]["structuredContent"]["aiResponse"] == "Hello"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0, text/event-stream;q=0"])
@pytest.mark.parametrize(("message", "headers"), [(INITIALIZE, ACCEPT), (modern_call(message="Hi"), MODERN)])
async def test_an_accept_header_of_neither_form_is_refused(
    server_a: Program, message: dict[str, Any], headers: dict[str, str], accept: str
) -> None:
    async with client(server_a, **headers) as http:
        assert (await post(http, message, accept)).status_code == 406


async def test_progress_is_left_out_of_a_json_answer(server_a: Program) -> None:
    params = {"name": "send_message_stream", "arguments": {"message": "Hi"}}
    async with client(server_a) as http:
        await open_session(http)
        legacy = await post(http, request(1, "tools/call", {**params, "_meta": {"progressToken": 1}}), JSON)
    async with client(server_a, **{**MODERN, "Mcp-Name": "send_message_stream"}) as http:
        meta = {**MODERN_META, "progressToken": 1}
        modern = await post(http, request(1, "tools/call", {**params, "_meta": meta}), JSON)
    for answer in (legacy, modern):
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.json()["result"]["structuredContent"]["text"] == "Hello"


@pytest.mark.parametrize("accept", [JSON, EVENTS, BOTH_FORMS])
async def test_a_refusal_is_json_with_its_status(server_a: Program, accept: str) -> None:
    async with client(server_a) as http:
        assert (await post(http, PING, accept)).status_code == 400  # neither a session nor the request that opens one
        unknown = await post(http, PING, accept, **{SESSION_ID: "unknown"})
        assert (unknown.status_code, json.loads(unknown.text)["error"]["message"]) == (404, "Session not found")


async def test_an_event_of_a_json_answer_is_complete(server_a: Program) -> None:
    async with client(server_a, **MODERN) as http:
        answer = await post(http, modern_call(message="Hi"), EVENTS)
    lines = answer.text.splitlines()
    assert lines[0] == "event: message"
    assert json.loads(lines[1].removeprefix("data: "))["id"] == 1
    assert answer.text.endswith("\r\n\r\n")
