"""A path with a trailing slash is the same path, and nothing is redirected."""

import ssl
from pathlib import Path

import httpx2
import pytest

from llm_relay.tls.authority import Authority
from tests.support.mcp_http import ACCEPT, INITIALIZE, client, request
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_trailing_slash_over_streamable_http(server_a: Program, path: str) -> None:
    async with client(server_a) as http:
        assert (await http.post(path, json=INITIALIZE)).status_code == 200
        assert (await http.put(path, json=INITIALIZE)).status_code == 405


@pytest.mark.parametrize("path", ["/", "/mcp//", "//mcp", "/mcp/x", "/sse", "/MCP"])
async def test_another_path_is_not_found_and_the_right_one_named(server_a: Program, path: str) -> None:
    async with client(server_a) as http:
        refusal = await http.post(f"http://{server_a.address}{path}", json=INITIALIZE)
    assert refusal.status_code == 404
    assert "/mcp" in refusal.text


async def test_a_trailing_slash_behind_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue("relay")
    tls = {"HTTP_TLS_CERT_FILE": pair.cert_file, "HTTP_TLS_KEY_FILE": pair.key_file}
    async with running(tmp_path, "server_a", "http", MCP_PORT_A="0", SERVER_B_TARGET=NOWHERE, **tls) as program:
        trusted = ssl.create_default_context(cafile=authority.ca_file)
        async with httpx2.AsyncClient(verify=trusted, headers=ACCEPT, trust_env=False, timeout=20) as http:
            opened = await http.post(f"https://{program.address}/mcp/", json=INITIALIZE)
    assert opened.status_code == 200
    assert "location" not in opened.headers


@pytest.mark.parametrize("path", ["/sse", "/sse/"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_trailing_slash_over_sse(tmp_path: Path, path: str, slash: str) -> None:
    async with (
        running(tmp_path, "server_a", "sse", MCP_PORT_A="0", SERVER_B_TARGET=NOWHERE) as program,
        client(program) as http,
        http.stream("GET", path) as stream,
    ):
        assert stream.status_code == 200
        assert stream.headers["cache-control"] == "no-store, no-transform"
        lines = stream.aiter_lines()
        messages = (
            [await anext(lines), await anext(lines)][1]
            .removeprefix("data: ")
            .replace("/messages/", "/messages" + slash)
        )
        assert (await http.post(messages, json=request(1, "ping"))).status_code == 202
        assert (await http.post(path, json=INITIALIZE)).status_code == 405
