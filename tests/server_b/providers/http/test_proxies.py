"""The way to a provider through a proxy, and the servers that are called without one."""

from pathlib import Path

import pytest
from yarl import URL

from llm_relay.errors import ProviderProtocol, ProviderUnavailable, RelayError
from llm_relay.tls.authority import Authority
from server_b.providers.http.client import HttpClient
from server_b.providers.http.no_proxy import NoProxy
from server_b.providers.http.proxies import proxy_for
from tests.support.raw_http import ConnectProxy, RawServer, asking, body_of, tls_for

pytestmark = pytest.mark.anyio

SAYS_HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that clients trust."""
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    return authority


async def ask(client: HttpClient, url: URL) -> bytes:
    return await body_of(await client.ask("POST", str(url), {"Accept": "*/*"}, b"{}"))


@pytest.mark.parametrize("encrypted", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
async def test_a_server_behind_a_proxy_is_called_through_a_tunnel(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, encrypted: bool, variable: str
) -> None:
    server = RawServer(SAYS_HI, SAYS_HI)
    async with server.listening(tls_for(authority, "far.test")):
        proxy = ConnectProxy(server.port)
        async with proxy.listening(tls_for(authority, "127.0.0.1") if encrypted else None) as way:
            monkeypatch.setenv(variable, str(way.with_user("mé").with_password("p:w")))
            url = URL("https://far.test/v1")
            async with asking(url) as client:
                assert await ask(client, url) == b"Hi"
                assert await ask(client, url) == b"Hi"
    (request,) = proxy.requests
    assert request.startswith(b"CONNECT far.test:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic bcOpOnA6dw==\r\n" in request
    assert server.requests[0].startswith(b"POST /v1 HTTP/1.1\r\nHost: far.test\r\n")
    assert b"Proxy-Authorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("consent", "error", "detail"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", ProviderProtocol, ""),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", ProviderProtocol, ""),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", ProviderUnavailable, "the proxy cannot reach the provider"),
        (b"no HTTP\r\n\r\n", ProviderProtocol, "the proxy's answer is not HTTP"),
    ],
)
async def test_a_refusal_by_a_proxy_is_reported_as_such(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, consent: bytes, error: type[RelayError], detail: str
) -> None:
    server = RawServer(SAYS_HI)
    async with ConnectProxy(server.port, consent=consent).listening() as way:
        monkeypatch.setenv("https_proxy", str(way))
        async with server.listening(), asking(url := URL("https://far.test/v1")) as client:
            with pytest.raises(error) as raised:
                await ask(client, url)
    assert type(raised.value) is error
    assert raised.value.operator_detail.startswith(detail)
    assert not raised.value.may_have_worked
    assert server.requests == []


async def test_an_unreachable_proxy_is_named_to_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer().listening() as way:
        pass
    monkeypatch.setenv("https_proxy", str(way))
    async with asking(url := URL("https://far.test/v1")) as client:
        with pytest.raises(ProviderUnavailable) as raised:
            await ask(client, url)
    detail = f"no connection to the proxy {way.host}:{way.port} before far.test:443: connection refused"
    assert raised.value.operator_detail == detail
    assert not raised.value.may_have_worked


async def test_a_proxy_for_plain_http_gets_the_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = RawServer(SAYS_HI)
    async with proxy.listening() as way:
        monkeypatch.setenv("http_proxy", str(way.with_user("me")))
        async with asking(url := URL("http://far.test/v1")) as client:
            assert await ask(client, url) == b"Hi"
    (request,) = proxy.requests
    assert request.startswith(b"POST http://far.test/v1 HTTP/1.1\r\nHost: far.test\r\n")
    assert b"\r\nProxy-Authorization: Basic bWU6\r\n" in request
    assert request.endswith(b"Content-Length: 2\r\n\r\n{}")


async def test_a_plain_http_proxy_that_wants_credentials_is_reported_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = RawServer(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    async with proxy.listening() as way:
        monkeypatch.setenv("http_proxy", str(way))
        async with asking(url := URL("http://far.test/v1")) as client:
            with pytest.raises(ProviderProtocol, match=r"proxy before the provider refuses \(HTTP 407\)"):
                await ask(client, url)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "127.0.0.1:3128", "http://", "http://me:secret@[::1"])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(ValueError, match=f"^{variable}: ") as raised:
        HttpClient("https://far.test/v1")
    assert "secret" not in str(raised.value)


NO_PROXY_CASES = [
    # entries, a server that they match, a server that they do not match
    ("*", "https://far.test", None),
    ("10.0.0.0/8", "http://10.1.2.3:8000", "http://11.0.0.1"),
    ("10.1.2.3/8", "http://10.200.0.1", "http://100.1.2.3"),
    ("192.168.1.0/255.255.255.0", "http://192.168.1.9", "http://192.168.2.9"),
    ("fd00::/8", "http://[fd12::1]:8000", "http://[fe80::1]"),
    ("10.0.0.0/8", "http://[::ffff:10.0.0.1]", "http://ten.test"),
    ("192.168.*", "http://192.168.4.5", "http://192.16.8.1"),
    ("*.corp.example", "https://llm.corp.example", "https://corp.example"),
    ("*.corp.example", "https://a.b.corp.example", "https://corp.example.org"),
    ("llm-?.corp.example", "https://llm-7.corp.example", "https://llm-12.corp.example"),
    (".corp.example", "https://llm.corp.example", "https://mycorp.example"),
    (".corp.example", "https://corp.example", "https://corp.example.org"),
    ("corp.example", "https://corp.example", "https://mycorp.example"),
    ("corp.example", "https://LLM.Corp.Example.", "https://example"),
    ("corp.example:8443", "https://corp.example:8443", "https://corp.example"),
    ("*.corp.example:443", "https://a.corp.example", "https://a.corp.example:8443"),
    ("10.0.0.0/8:8000", "http://10.0.0.1:8000", "http://10.0.0.1"),
    ("10.0.0.7", "http://10.0.0.7", "http://10.0.0.70"),
    ("fd12::1", "http://[fd12:0::1]", "http://[fd12::2]"),
    ("[fd12::1]:8000", "http://[fd12::1]:8000", "http://[fd12::1]"),
    ("a.test, b.test", "http://b.test", "http://c.test"),
    ("a.test  b.test", "http://b.test", "http://c.test"),
    (",, .", None, "http://c.test"),
    ("10.0.0.0/99, not/a/net, [", None, "http://10.0.0.1"),
    ("", None, "http://c.test"),
]


@pytest.mark.parametrize(("entries", "direct", "proxied"), NO_PROXY_CASES)
def test_no_proxy_is_understood_in_all_its_forms(
    monkeypatch: pytest.MonkeyPatch, entries: str, direct: str | None, proxied: str | None
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", entries)
    assert direct is None or proxy_for(URL(direct)) is None
    assert proxied is None or proxy_for(URL(proxied)) is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_this_machine_is_called_without_a_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    assert proxy_for(URL(url)) is None


def test_a_bare_host_and_port_is_not_mistaken_for_an_ipv6_address() -> None:
    assert NoProxy("far.test:80").matches("far.test", 80)
    assert not NoProxy("far.test:80").matches("far.test", 443)
