"""What a check reports about a provider: why it is unreachable, wrong base URLs and unknown models, with the fix."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from llm_relay.check.findings import Finding
from llm_relay.tls.authority import Authority
from server_b.check.provider_findings import provider_finding
from server_b.providers.listing_timeout import LIST_TIMEOUT_S
from server_b.settings import ServerBSettings
from tests.standins.answer import Answer, whole
from tests.standins.exchange import Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Script
from tests.support.ports import free_port

pytestmark = pytest.mark.anyio

KEY = "sk-canary-11235813"


async def finding_about(base_url: str, *, within_s: float = LIST_TIMEOUT_S, **settings: Any) -> Finding:
    """Returns the findings about an OpenAI-compatible server."""
    given = {"openai_api_key": KEY, "openai_base_url": base_url, "openai_default_model": "gpt-4o", **settings}
    finding = await provider_finding("openai", ServerBSettings(**given), within_s=within_s)
    assert KEY not in finding.text
    return finding


class Compatible(OpenAIStandIn):
    """Refuses an empty request as invalid; may have no list of models, or a page in its place."""

    list_status: int | None = None
    page: str = ""

    def answer(self, received: Received) -> Answer:
        if received.method == "GET" and self.list_status:
            return whole(Script(), {"error": {"message": "no such route"}}, status=self.list_status, headers={})
        if received.method == "GET" and not received.path.startswith("/v1") and self.page:
            return whole(Script(), self.page, headers={"content-type": "text/html"})
        if received.path == "/v1/chat/completions" and not received.body:
            return whole(Script(), {"error": {"message": "you must provide a model parameter"}}, status=400, headers={})
        return super().answer(received)


async def test_a_server_that_lists_the_default_model_is_called_once_and_ok() -> None:
    async with Compatible() as server:
        finding = await finding_about(server.base_url)
        assert [request.method for request in server.requests] == ["GET"]
    assert str(finding) == "ok      AI_PROVIDER: openai answers, default model gpt-4o"


@pytest.mark.parametrize(("list_status", "page"), [(None, ""), (404, ""), (405, ""), (None, "<html></html>")])
async def test_a_base_url_without_its_version_is_reported_with_the_one_that_works(
    list_status: int | None, page: str
) -> None:
    async with Compatible() as server:
        server.list_status, server.page = list_status, page
        finding = await finding_about(server.url)
    assert not finding.ok
    told = f"OPENAI_BASE_URL: {server.url} has no chat completions, {server.url}/v1 has: set it to {server.url}/v1"
    assert finding.text == told


@pytest.mark.parametrize("list_status", [404, 405, 501])
async def test_a_server_that_lists_no_models_is_ok_if_it_has_chat_completions(list_status: int) -> None:
    async with Compatible() as server:
        server.list_status = list_status
        finding = await finding_about(server.base_url)
    assert finding.ok
    assert finding.text.endswith("default model gpt-4o (this server does not list its models)")


async def test_a_server_of_another_kind_is_reported() -> None:
    async with Compatible() as server:
        finding = await finding_about(f"{server.url}/v2")
        assert finding.text.startswith(f"OPENAI_BASE_URL: {server.url}/v2/chat/completions does not exist: is it a ser")
        finding = await finding_about(f"{server.url}/elsewhere")
        assert finding.text.endswith("; most base URLs end in /v1")
    assert not finding.ok


async def test_a_default_model_that_the_server_does_not_list_is_reported_with_similar_ones() -> None:
    async with Compatible() as server:
        finding = await finding_about(server.base_url, openai_default_model="gpt-4o-minni")
    assert not finding.ok
    assert finding.text == (
        "OPENAI_DEFAULT_MODEL: openai has no model gpt-4o-minni: set it to gpt-4o-mini, gpt-4o, o3-mini"
    )


async def test_an_unreachable_server_is_reported() -> None:
    port = free_port()
    finding = await finding_about(f"http://127.0.0.1:{port}/v1")
    assert not finding.ok
    why = f"no connection to 127.0.0.1:{port}: connection refused"
    assert finding.text == (
        f"AI_PROVIDER: openai cannot be reached (PROVIDER_UNAVAILABLE): {why}; check OPENAI_BASE_URL"
    )


async def test_an_unreachable_proxy_is_reported_with_the_proxys_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("http_proxy", f"http://user:its-password@127.0.0.1:{port}")
    finding = await finding_about("http://nowhere.invalid/v1")
    assert not finding.ok
    why = f"no connection to the proxy 127.0.0.1:{port} before nowhere.invalid:80: connection refused"
    assert finding.text.endswith(f"{why}; check HTTP_PROXY, HTTPS_PROXY and NO_PROXY")
    assert "its-password" not in finding.text


async def test_a_name_without_an_address_is_reported() -> None:
    finding = await finding_about("http://nowhere.invalid/v1")
    assert "no address is known for nowhere.invalid:80: " in finding.text


async def answer_in_plaintext(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the first bytes of any connection as plain HTTP servers do."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def test_a_wrong_scheme_is_reported() -> None:
    async with await asyncio.start_server(answer_in_plaintext, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        finding = await finding_about(f"https://127.0.0.1:{port}/v1")
    assert f"no TLS with 127.0.0.1:{port}: " in finding.text
    assert "is its scheme http?" in finding.text


async def test_an_untrusted_certificate_is_reported(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "ca").issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        finding = await finding_about(f"https://127.0.0.1:{port}/v1")
    assert f"the TLS certificate of 127.0.0.1:{port} is not trusted: " in finding.text


async def test_a_silent_server_is_reported_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        finding = await finding_about(f"http://127.0.0.1:{mute.getsockname()[1]}/v1", within_s=0.2)
    assert not finding.ok
    assert "does not list its models within 0.2 s" in finding.text
