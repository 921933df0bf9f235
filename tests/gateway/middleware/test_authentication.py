"""Who is let in, and what an unknown caller learns."""

import asyncio
import contextlib
import logging
import re
from typing import Any

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.middleware.access_log import AccessLog, create_access_log
from gateway.middleware.authentication import Authentication
from gateway.middleware.uncaught_errors import ErrorMiddleware
from gateway.session_cookie import csrf_token
from llm_relay.caller_tokens import Tokens
from llm_relay.client.caller_check import CallerCheck
from llm_relay.client.channel import Dial
from llm_relay.errors import PermissionDenied
from tests.support.gateways import NOBODY, application_at, gateway, post, socket_to
from tests.support.logged import logged_facts
from tests.support.scripted import OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

TOKENS = "alice:alices-token,bob:bobs-token"
SECRET = "sk-canary-2718281828"
ALICE = {"Authorization": "Bearer alices-token"}
BOB = {"Authorization": "Bearer bobs-token"}
ROUTES = [
    ("POST", "/process"),
    ("POST", "/stream"),
    ("POST", "/cancel/r-1"),
    ("GET", "/models"),
    ("GET", "/config"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
    ("GET", "/health/"),
    ("GET", "/docsx"),
]
OPEN_ROUTES = ["/docs", "/docs/start.js", "/docs/openapi.json", "/docs/assets/swagger-ui.css"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic alices-token"},
        {"Authorization": "alices-token"},
    ],
    ids=str,
)
async def test_every_route_but_health_and_the_docs_needs_a_token(headers: dict[str, str]) -> None:
    async with gateway(relay_tokens=TOKENS) as client:
        for method, path in ROUTES:
            response = await client.request(method, path, headers=headers)
            assert response.status_code == 401, path
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["reason"] == "UNAUTHENTICATED"
            assert response.json()["requestId"] == response.headers["x-request-id"]


async def test_health_needs_no_token_and_does_not_tell_strangers_where_server_b_is() -> None:
    async with gateway(relay_tokens=TOKENS) as client:
        response = await client.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert NOBODY not in response.text


@pytest.mark.parametrize("path", OPEN_ROUTES)
async def test_the_docs_need_no_token(path: str) -> None:
    async with gateway(relay_tokens=TOKENS) as client:
        assert (await client.get(path)).status_code == 200


async def test_without_a_token_the_body_is_not_waited_for() -> None:
    async with gateway(relay_tokens=TOKENS) as client, socket_to(client) as socket:
        await socket.send(b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert (await socket.reply()).status == 401


async def test_server_b_gets_the_callers_name_and_no_log_has_its_token_or_its_prompt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with (
        serving(ScriptedProvider(), tokens="gateway:its-token", delegates=("gateway",)) as server_b,
        gateway(server_b.target, relay_token="its-token", relay_tokens=TOKENS) as client,
    ):
        assert (await client.post("/process", json={"message": SECRET}, headers=ALICE)).status_code == 200
    of_calls, of_requests = logged_facts(caplog, "relay.calls"), logged_facts(caplog, "gateway.requests")
    assert [one["caller"] for one in of_calls if one["rpc"] == "Process"] == ["gateway/alice"]
    assert [one["caller"] for one in of_requests if one["path"] == "/process"] == ["alice"]
    told = f"{caplog.text} {of_calls} {of_requests}"
    assert "alices-token" not in told
    assert SECRET not in told


async def test_a_caller_can_cancel_only_its_own_calls() -> None:
    provider = ScriptedProvider((OPENING, asyncio.Event()))
    async with (
        serving(provider, tokens="gateway:its-token", delegates=("gateway",)) as server_b,
        gateway(server_b.target, relay_token="its-token", relay_tokens=TOKENS) as client,
        socket_to(client) as socket,
    ):
        await socket.send(
            post("/process", b'{"message": "Hi", "request_id": "r-1"}', "Authorization: Bearer alices-token")
        )
        await provider.until_waiting()
        assert (await client.post("/cancel/r-1", headers=BOB)).json() == {"found": False}
        assert (await client.post("/cancel/r-1", headers=ALICE)).json() == {"found": True}
        assert (await socket.reply()).document["finishReason"] == "cancelled"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/process"), ("POST", "/stream"), ("POST", "/cancel/r-1"), ("GET", "/models"), ("GET", "/config")],
)
async def test_a_gateway_whose_own_token_is_refused_says_502_and_logs_an_error(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(ScriptedProvider(), tokens="gateway:its-token") as server_b,
        gateway(server_b.target, relay_token="stale") as client,
    ):
        response = await client.request(method, path, content=b'{"message": "Hi"}')
        health = await client.get("/health")
    assert response.status_code == response.json()["status"] == 502
    assert response.json()["reason"] == "SERVER_B_UNAVAILABLE"
    assert "RELAY_TOKEN" in response.json()["detail"]
    assert "www-authenticate" not in response.headers
    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert "RELAY_TOKEN" in health.json()["error"]
    told = [one for one in caplog.records if one.name == "gateway" and one.levelno == logging.ERROR]
    assert len(told) == 2
    assert all("set RELAY_TOKEN" in one.getMessage() for one in told)
    assert "stale" not in caplog.text


@pytest.mark.parametrize(
    ("url", "settings", "status"),
    [
        ("http://192.0.2.1:8000", {}, 403),
        ("https://192.0.2.1:8000", {}, 403),
        ("http://192.0.2.1:8000", {"relay_tokens": TOKENS}, 403),
        ("http://[2001:db8::1]:8000", {"relay_tokens": TOKENS}, 403),
        ("https://192.0.2.1:8000", {"relay_tokens": TOKENS}, 200),
        ("http://192.0.2.1:8000", {"relay_insecure": True}, 200),
        ("http://127.0.0.2:8000", {}, 200),
        ("http://[::1]:8000", {}, 200),
    ],
)
async def test_beyond_loopback_tokens_and_tls_are_required(url: str, settings: dict[str, Any], status: int) -> None:
    async with application_at(url, **settings) as client:
        response = await client.get("/openapi.json", headers=ALICE)
    assert response.status_code == status
    if status == 403:
        assert response.json()["reason"] == "PERMISSION_DENIED"
        assert "RELAY_INSECURE" in response.json()["detail"]


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that does nothing."""


@pytest.mark.parametrize(
    ("server", "refused"),
    [
        (("127.0.0.1", 8000), False),
        (("/run/gateway.sock", None), False),
        (("testserver", 80), False),
        (("10.0.0.1", 8000), True),
        (("fe80::1%eth0", 8000), True),
        (None, True),
    ],
)
async def test_the_address_that_a_request_arrived_at_decides(
    server: tuple[str, int | None] | None, *, refused: bool
) -> None:
    callers = CallerCheck(Tokens.parse(""), Dial())
    application = Authentication(nothing, callers=callers, has_tokens=False, insecure=False, origins=())
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": [], "server": server}
    with pytest.raises(PermissionDenied) if refused else contextlib.nullcontext():
        await application({**scope, "state": {}}, gone, discard)


ORIGINS = [
    ("https://evil.example", {}, 403),
    ("null", {}, 403),
    ("http://[", {}, 403),
    ("", {}, 403),
    ("http://localhost:3000", {}, 403),
    ("http://127.0.0.1:3000", {}, 403),
    ("http://localhost:8000", {}, 403),
    ("http://127.0.0.1:8000", {}, 404),
    ("https://127.0.0.1:8000", {}, 404),
    ("https://app.example", {"cors_origins": "https://app.example"}, 404),
    ("http://app.example", {"cors_origins": "https://app.example"}, 403),
    ("https://evil.example", {"cors_origins": "https://app.example"}, 403),
    ("https://evil.example", {"cors_origins": "*"}, 404),
]


@pytest.mark.parametrize(("origin", "settings", "status"), ORIGINS)
@pytest.mark.parametrize("tokens", ["", TOKENS], ids=["without tokens", "with tokens"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_page_of_another_origin_cannot_change_anything(
    origin: str, settings: dict[str, Any], status: int, tokens: str, method: str
) -> None:
    async with application_at("http://127.0.0.1:8000", relay_tokens=tokens, **settings) as client:
        headers = {**ALICE, "Origin": origin, "Content-Type": "text/plain"}
        response = await client.request(method, "/nowhere", headers=headers)
    assert response.status_code == status
    if status == 403:
        assert response.json()["reason"] == "PERMISSION_DENIED"
        assert "CORS_ORIGINS" in response.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_page_of_another_origin_may_read_what_browsers_let_it(method: str) -> None:
    async with application_at("http://127.0.0.1:8000") as client:
        response = await client.request(method, "/nowhere", headers={"Origin": "https://evil.example"})
    assert response.status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_what_the_page_shows_and_changes_is_closed_to_other_origins(method: str) -> None:
    async with application_at("http://127.0.0.1:8000", cors_origins="*") as client:
        csrf = {"x-relay-csrf": csrf_token("")}
        other = await client.request(method, "/ui/api/nowhere", headers={"Origin": "https://app.example", **csrf})
        own = await client.request(method, "/ui/api/nowhere", headers={"Origin": "http://127.0.0.1:8000", **csrf})
    assert (other.status_code, own.status_code) == (403, 404)


@pytest.mark.parametrize(("scheme", "refused"), [("http", True), ("https", False)])
async def test_beyond_loopback_signing_in_needs_only_tls(scheme: str, *, refused: bool) -> None:
    application = Authentication(
        nothing, callers=CallerCheck(Tokens({}), Dial()), has_tokens=False, insecure=False, origins=()
    )
    scope: Scope = {"type": "http", "method": "POST", "path": "/ui/api/session", "scheme": scheme, "headers": []}
    with pytest.raises(PermissionDenied) if refused else contextlib.nullcontext():
        await application({**scope, "server": ("10.0.0.1", 8000), "state": {}}, gone, discard)


async def test_a_page_of_the_gateway_itself_may_post() -> None:
    async with application_at("http://192.0.2.1:8000", relay_insecure=True) as client:
        response = await client.post("/nowhere", headers={"Origin": "http://192.0.2.1:8000"})
    assert response.status_code == 404


async def test_browsers_get_cors_headers_where_cors_origins_are_set() -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with gateway(cors_origins="https://app.example, https://b.example", relay_tokens=TOKENS) as client:
        preflight = await client.options(
            "/process", headers={**asked, "Access-Control-Request-Headers": "authorization,Idempotency-Key"}
        )
        refused = await client.post("/process", headers={"Origin": "https://app.example"})
        foreign = await client.post("/process", headers={"Origin": "https://evil.example"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert "x-request-id" in preflight.headers
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example"
    assert "X-Request-Id" in refused.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in foreign.headers


async def test_openais_sdk_in_a_browser_may_send_its_own_headers() -> None:
    preflight = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang,x-stainless-retry-count",
    }
    async with gateway(cors_origins="https://app.example", relay_tokens=TOKENS) as client:
        response = await client.options("/v1/chat/completions", headers=preflight)
    assert response.status_code == 200
    assert "x-stainless-lang" in response.headers["access-control-allow-headers"]


async def test_browsers_get_no_cors_headers_where_cors_origins_are_not_set(alone: httpx2.AsyncClient) -> None:
    response = await alone.get("/health", headers={"Origin": "https://app.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]


async def gone() -> Message:
    return {"type": "http.disconnect"}


async def discard(message: Message) -> None:
    """Discards what is sent."""


async def unforeseen(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(SECRET)


async def unforeseen_during(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError(SECRET)


async def test_nothing_of_an_unexpected_error_reaches_caller_or_log(caplog: pytest.LogCaptureFixture) -> None:
    transport = httpx2.ASGITransport(AccessLog(ErrorMiddleware(unforeseen), log=create_access_log()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        response = await client.get("/", headers={"X-Request-Id": "r-1"})
    assert response.status_code == 500
    assert response.json()["detail"] == "internal error (request_id r-1)"
    assert (response.json()["reason"], response.json()["requestId"]) == ("INTERNAL", "r-1")
    assert SECRET not in response.text + caplog.text
    assert re.search(r"ValueError at test_authentication\.py:\d+ < uncaught_errors\.py:\d+", caplog.text)


async def test_an_unexpected_error_during_an_answer_is_not_answered_twice(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await AccessLog(ErrorMiddleware(unforeseen_during), log=create_access_log())(scope, gone, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert SECRET not in caplog.text
