"""Which Host headers are accepted, so that DNS rebinding reaches nothing."""

from typing import Any

import httpx2
import pytest

from gateway.application import create_app
from tests.support.gateways import NOBODY, gateway, gateway_settings, socket_to

pytestmark = pytest.mark.anyio

TOKENS = "alice:alices-token"


async def call_app(
    host: str, url: str = "http://127.0.0.1:8000", method: str = "GET", **settings: Any
) -> httpx2.Response:
    """Sends a request with the Host header `host` to an application at `url`."""
    given = {"relay_tokens": "alice:alices-token", **settings}
    app = create_app(gateway_settings(server_b_target=NOBODY, **given))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=url) as client:
        headers = {"Host": host, "Authorization": "Bearer alices-token"}
        return await client.request(method, "/openapi.json", headers=headers)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST:9999",
        "relay.localhost",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.1.2.3:8000",
        "[::1]",
        "[::1]:8000",
    ],
)
async def test_loopbacks_names_are_accepted_on_any_port(host: str) -> None:
    assert (await call_app(host)).status_code == 200


STRANGERS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8000",
    "evillocalhost",
    "192.0.2.1",
    "[2001:db8::1]:8000",
    "0.0.0.0:8000",
    "localhost:port",
    "localhost:8000:8000",
    "127.0.0.1@evil.example",
    "[::1",
    "",
    "*",
]


@pytest.mark.parametrize("host", STRANGERS)
@pytest.mark.parametrize("tokens", ["", TOKENS], ids=["without tokens", "with tokens"])
async def test_a_name_that_an_attackers_page_may_have_is_refused(host: str, tokens: str) -> None:
    response = await call_app(host, relay_tokens=tokens)
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["reason"] == "PERMISSION_DENIED"
    assert "HTTP_ALLOWED_HOSTS" in response.json()["detail"]
    assert response.json()["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
async def test_every_method_is_checked(method: str) -> None:
    assert (await call_app("evil.example", method=method, cors_origins="*")).status_code == 403


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://192.0.2.1:8000", "192.0.2.1:8000"),
        ("http://192.0.2.1:8000", "192.0.2.1"),
        ("http://[2001:db8::1]:8000", "[2001:DB8:0::1]:8000"),
    ],
)
async def test_the_address_that_a_request_arrived_at_is_accepted(url: str, host: str) -> None:
    assert (await call_app(host, url, relay_insecure=True)).status_code == 200


@pytest.mark.parametrize(
    ("host", "settings", "status"),
    [
        ("relay.example", {"http_allowed_hosts": "relay.example"}, 200),
        ("RELAY.example:443", {"http_allowed_hosts": "other.example, Relay.Example"}, 200),
        ("relay.example:8000", {"http_allowed_hosts": "relay.example:8000"}, 200),
        ("relay.example:8001", {"http_allowed_hosts": "relay.example:8000"}, 403),
        ("a.relay.example", {"http_allowed_hosts": "relay.example"}, 403),
        ("anything.example", {"http_allowed_hosts": "*"}, 200),
        ("relay.example", {"http_host": "relay.example"}, 200),
        ("0.0.0.0", {"http_host": "127.0.0.1"}, 403),
    ],
)
async def test_listed_hosts_are_accepted(host: str, settings: dict[str, str], status: int) -> None:
    assert (await call_app(host, **settings)).status_code == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /openapi.json HTTP/1.1\r\n\r\n", 400),
        (b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /openapi.json HTTP/1.0\r\n\r\n", 200),
        (b"GET /openapi.json HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403),
    ],
    ids=["none", "two", "none in HTTP/1.0", "a stranger in HTTP/1.0"],
)
async def test_a_request_has_exactly_one_host(head: bytes, status: int) -> None:
    async with gateway() as client, socket_to(client) as socket:
        await socket.send(head)
        assert (await socket.head()).status == status
