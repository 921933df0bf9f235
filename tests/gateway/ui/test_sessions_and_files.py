"""Sessions count only under /ui, changes need the page's header, and the files are few, small and our own."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from gateway.response_headers import CONTENT_SECURITY_POLICY
from gateway.ui.bounded_route import MOST_BYTES as MOST_BYTES_OF_A_BODY
from gateway.ui.pages import PAGES
from tests.gateway.ui.conftest import Relay, serving
from tests.support.not_plain import NOT_PLAIN
from tests.support.programs import running

pytestmark = pytest.mark.anyio

ASSETS = Path(__file__).parents[3] / "gateway" / "ui" / "assets"
MOST_BYTES = 150_000


def http(relay: Relay) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"http://{relay.gateway.address}", trust_env=False, timeout=30)


async def signed_in(client: httpx2.AsyncClient, relay: Relay) -> dict[str, str]:
    """Creates the first admin and signs in; returns the header that changes need."""
    async with relay.accounts() as accounts:
        made = await accounts.create_token("root", is_admin=True)
    answer = await client.post("/ui/api/session", json={"token": made.secret})
    assert answer.status_code == 200
    return {"x-relay-csrf": answer.json()["csrf"]}


async def test_a_session_counts_only_under_ui(relay: Relay) -> None:
    async with http(relay) as client:
        await signed_in(client, relay)
        secret = client.cookies["relay_session"]
        assert (await client.get("/ui/api/me")).json()["name"] == "root"
        for path in ("/usage", "/usage/me", "/v1/models", "/models"):
            assert (await client.get(path, headers={"cookie": f"relay_session={secret}"})).status_code == 401, path
        answer = await client.post("/process", json={"message": "Hi"}, headers={"cookie": f"relay_session={secret}"})
        assert answer.status_code == 401


async def test_a_bearer_token_does_not_count_under_ui(relay: Relay) -> None:
    async with http(relay) as client, relay.accounts() as accounts:
        made = await accounts.create_token("root", is_admin=True)
        answer = await client.get("/ui/api/me", headers={"authorization": f"Bearer {made.secret}"})
    assert answer.status_code == 401


async def test_changes_need_the_header_of_the_page(relay: Relay) -> None:
    async with http(relay) as client:
        header = await signed_in(client, relay)
        body = {"caller": "alice", "period": "day", "limit_usd": "1"}
        for wrong in ({}, {"x-relay-csrf": ""}, {"x-relay-csrf": "0" * 64}):
            assert (await client.put("/ui/api/budgets", json=body, headers=wrong)).status_code == 403
            assert (await client.delete("/ui/api/session", headers=wrong)).status_code == 403
        answer = await client.put("/ui/api/budgets", json=body, headers=header)
        assert (answer.status_code, answer.json()["limit_nano_usd"]) == (200, 10**9)


async def test_a_session_ends_with_its_token(relay: Relay) -> None:
    async with http(relay) as client:
        header = await signed_in(client, relay)
        (token,) = (await client.get("/ui/api/tokens")).json()["tokens"]
        await client.delete(f"/ui/api/tokens/{token['id']}", headers=header)
        assert (await client.get("/ui/api/me")).status_code == 401


@pytest.mark.parametrize("without", ["server_b", "gateway"])
async def test_a_session_ends_with_its_token_of_the_settings(tmp_path: Path, without: str) -> None:
    gateways, alices, bobs = "front:front-secret", "alice:alice-secret", "bob:bob-secret"

    @contextlib.asynccontextmanager
    async def started(*, alice_at: tuple[str, ...]) -> AsyncIterator[httpx2.AsyncClient]:
        tokens = {name: f"{bobs},{alices}" if name in alice_at else bobs for name in ("server_b", "gateway")}
        async with (
            running(
                tmp_path,
                "server_b",
                GRPC_PORT="0",
                RELAY_TOKENS=f"{gateways},{tokens['server_b']}",
                RELAY_DELEGATES="front",
            ) as server_b,
            running(
                tmp_path,
                "gateway",
                HTTP_PORT="0",
                SERVER_B_TARGET=server_b.address,
                RELAY_TOKEN="front-secret",
                RELAY_TOKENS=tokens["gateway"],
            ) as gateway,
            httpx2.AsyncClient(base_url=f"http://{gateway.address}", trust_env=False, timeout=30) as client,
        ):
            yield client

    cookies = {}
    async with started(alice_at=("server_b", "gateway")) as client:
        for name in ("alice", "bob"):
            client.cookies.clear()
            assert (await client.post("/ui/api/session", json={"token": f"{name}-secret"})).status_code == 200
            cookies[name] = {"cookie": f"relay_session={client.cookies['relay_session']}"}
            assert (await client.get("/ui/api/me")).json()["name"] == f"front/{name}"
    async with started(alice_at=("server_b", "gateway")) as client:
        assert (await client.get("/ui/api/me", headers=cookies["alice"])).status_code == 200
    async with started(alice_at=tuple({"server_b", "gateway"} - {without})) as client:
        assert (await client.get("/ui/api/me", headers=cookies["alice"])).status_code == 401
        assert (await client.get("/ui/api/me", headers=cookies["bob"])).status_code == 200


async def test_bad_input_names_the_field(relay: Relay) -> None:
    async with http(relay) as client:
        csrf = {"x-relay-csrf": (await client.get("/ui/api/me")).json()["csrf"]}
        body = {"caller": "alice", "period": "year", "limit_usd": "lots", "nonsense": 1}
        answer = await client.put("/ui/api/budgets", json=body, headers=csrf)
    assert answer.status_code == 422
    assert {"period", "limit_usd", "nonsense"} <= set(re.findall(r"\w+", answer.json()["detail"]))


@pytest.mark.parametrize("text", NOT_PLAIN)
async def test_an_amount_is_written_in_plain_digits(relay: Relay, text: str) -> None:
    async with http(relay) as client:
        csrf = {"x-relay-csrf": (await client.get("/ui/api/me")).json()["csrf"]}
        body = {"caller": "alice", "period": "day", "limit_usd": text}
        answer = await client.put("/ui/api/budgets", json=body, headers=csrf)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "limit_usd: must be a number in plain digits, such as 12.50"


@pytest.mark.parametrize("path", ["/ui/api/session", "/ui/api/tokens"])
async def test_a_body_of_the_page_has_a_size_limit(relay: Relay, path: str) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b" " * MOST_BYTES_OF_A_BODY

    async with http(relay) as client:
        csrf = {"x-relay-csrf": (await client.get("/ui/api/me")).json()["csrf"], "content-type": "application/json"}
        for content in (b" " * (MOST_BYTES_OF_A_BODY + 1), unannounced()):
            answer = await client.post(path, content=content, headers=csrf)
            assert (answer.status_code, answer.json()["reason"]) == (413, "TOO_LARGE")


async def test_anonymous_callers_are_admins_on_this_machine_and_not_behind_a_proxy(relay: Relay) -> None:
    async with http(relay) as client:
        assert (await client.get("/ui/api/me")).json()["is_admin"]
        for name in ("x-forwarded-for", "x-forwarded-proto", "forwarded", "via", "x-real-ip", "cf-connecting-ip"):
            behind = await client.get("/ui/api/me", headers={name: "203.0.113.9"})
            assert not behind.json()["is_admin"], name


async def test_without_a_ledger_the_page_has_health_and_the_playground(tmp_path: Path) -> None:
    async with serving(tmp_path, LEDGER="off", PRICES="") as relay, http(relay) as client:
        me = (await client.get("/ui/api/me")).json()
        assert (me["has_ledger"], me["is_admin"]) == (False, False)
        assert (await client.get("/ui/api/health")).status_code == 200
        assert (await client.get("/ui/api/calls")).json()["reason"] == "UNSUPPORTED"


async def test_pages_and_files_load_nothing_from_elsewhere(relay: Relay) -> None:
    async with http(relay) as client:
        for path in PAGES:
            page = await client.get(path)
            assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert "//" not in page.text.replace("<!DOCTYPE html>", "")
            assert not re.search(r"<script>|<style>|\sstyle=|\son\w+=", page.text)
            links = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.text)
            assert links, path
            for link in links:
                file = await client.get(f"/ui/{link}")
                assert file.status_code == 200, link
                assert file.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


def test_the_files_are_under_150_kilobytes_in_all() -> None:
    assert sum(file.stat().st_size for file in ASSETS.rglob("*") if file.is_file()) < MOST_BYTES


def test_vendored_files_match_their_list() -> None:
    listed = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (ASSETS / "vendor" / "SHA256SUMS").read_text(), re.MULTILINE))
    found = {hashlib.sha256(file.read_bytes()).hexdigest(): file.name for file in (ASSETS / "vendor").glob("uPlot*")}
    assert found == listed
