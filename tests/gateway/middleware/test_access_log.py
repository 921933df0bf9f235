"""The log line for each request has its path, and no traceback for what a client did."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from gateway.middleware.access_log import LONGEST_PATH
from tests.support.gateways import gateway, post, socket_to
from tests.support.logged import logged_facts
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

TOKENS = "alice:alices-token"


async def logged_path(caplog: pytest.LogCaptureFixture, method: str, path: str, **settings: Any) -> tuple[str, int]:
    """Sends a request without a token; returns the path and the status of its log line."""
    caplog.set_level(logging.DEBUG)
    async with gateway(**settings) as client:
        await client.request(method, path)
    (line,) = logged_facts(caplog, "gateway.requests")
    return line["path"], line["status"]


@pytest.mark.parametrize(
    ("method", "path", "status", "shown"),
    [
        ("GET", "/nowhere", 404, "/nowhere"),
        ("GET", "/nowhere?key=secret", 404, "/nowhere"),
        ("GET", "/" + "x" * 10_000, 404, "/" + "x" * (LONGEST_PATH - 1) + "…"),
        ("GET", "/process", 405, "/process"),
        ("POST", "/cancel/a%20b", 422, "/cancel/{request_id}"),
        ("GET", "/health", 503, "/health"),
    ],
)
async def test_every_line_has_a_path(
    method: str, path: str, status: int, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await logged_path(caplog, method, path) == (shown, status)


@pytest.mark.parametrize("path", ["/process", "/nowhere", "/models"])
async def test_the_line_of_a_request_with_an_unknown_token_has_a_path(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await logged_path(caplog, "POST", path, relay_tokens=TOKENS) == (path, 401)


async def test_the_line_of_a_refused_host_has_a_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with gateway() as client:
        await client.get("/models", headers={"Host": "evil.example"})
    (line,) = logged_facts(caplog, "gateway.requests")
    assert (line["path"], line["status"]) == ("/models", 403)


async def test_client_errors_leave_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    provider = ScriptedProvider((asyncio.Event(),))
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        await _leave_during_the_body(client)
        await _leave_during_the_call(client, provider)
        await _send_no_request(client)
    assert not [one for one in caplog.records if one.exc_info]
    assert "Traceback" not in caplog.text
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def _leave_during_the_body(client: httpx2.AsyncClient) -> None:
    async with socket_to(client) as socket:
        await socket.send(post("/process", b"x" * 100)[:-50])


async def _leave_during_the_call(client: httpx2.AsyncClient, provider: ScriptedProvider) -> None:
    for tries, route in enumerate(("/process", "/stream"), start=1):
        async with socket_to(client) as socket:
            await socket.send(post(route, b'{"message": "Hi"}'))
            await provider.until_waiting(tries)
        await provider.until_ended(tries)


async def _send_no_request(client: httpx2.AsyncClient) -> None:
    async with socket_to(client) as socket:
        await socket.send(b"\0\1 nonsense\r\n\r\n")
        await socket.closed()
