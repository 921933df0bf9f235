"""The HTTP client, over real sockets: what a server may write, how it may break off, and which way leads to it."""

import asyncio
import ssl
from pathlib import Path

import pytest
from yarl import URL

from scripts.certificates import Authority
from server_b.providers.http import client as http_client
from server_b.providers.http import dialling as http_dialling
from server_b.providers.http.answer import READ_AHEAD_BYTES, ConnectionLost, HttpFailure, NotHttp, ProxyRefusal
from server_b.providers.http.client import HttpClient
from tests.support.raw_http import END, ConnectProxy, Listener, RawServer, asking, body_of

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
SAYS_HI = OK + b"Content-Length: 2\r\n\r\nHi"
CUT = RawServer.CUT
FLOOD_BYTES = 2**26


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run on both event loops: uvloop has TLS and connections of its own."""
    return "asyncio", {"use_uvloop": request.param}


async def ask(client: HttpClient, url: URL, body: bytes = b"{}") -> bytes:
    return await body_of(await client.ask("POST", url, {"Accept": "*/*"}, body))


async def answered(server: RawServer) -> bytes:
    async with server.listening() as url, asking(url) as client:
        return await ask(client, url)


# Requests.


async def test_a_request_is_written_as_it_was_asked() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url / "a b" % {"c": "d"}, b"body")
    head = f"POST /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUser-Agent: test\r\nAccept: */*\r\n"
    assert server.requests == [f"{head}Content-Length: 4\r\n\r\nbody".encode()]


async def test_a_large_request_arrives_whole() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url, b"x" * 2**24)
    assert len(server.requests[0].partition(b"\r\n\r\n")[2]) == 2**24


# Answers.


@pytest.mark.parametrize(
    "answer",
    [
        SAYS_HI,
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nH\r\n1;a=b\r\ni\r\n0\r\nTrailer: yes\r\n\r\n",
        OK + b"\r\nHi" + CUT,
        b"HTTP/1.0 200 OK\r\n\r\nHi" + CUT,
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nHi",
        OK + b"Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nHi",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2 \r\nHi\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\n\r\nHi" + CUT,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SAYS_HI,
    ],
    ids=["length", "chunks", "the end", "HTTP/1.0", "bare LF", "folded", "space after a size", "identity", "announced"],
)
async def test_an_answer_is_whole_when_http_says_so(answer: bytes) -> None:
    assert await answered(RawServer(answer)) == b"Hi"


async def test_the_head_tells_the_status_and_its_fields_in_lower_case() -> None:
    server = RawServer(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 7\r\n\r\n" + CUT)
    async with server.listening() as url, asking(url) as client:
        answer = await client.ask("GET", url, {})
        assert (answer.status, answer.headers) == (429, {"retry-after": "7"})
        assert await body_of(answer) == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        OK,
        OK + b"Content-Length: 3\r\n\r\nHi",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nHi\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_an_answer_that_is_cut_is_lost_not_ended(answer: bytes) -> None:
    with pytest.raises(ConnectionLost):
        await answered(RawServer(answer + CUT))


async def test_what_came_before_the_cut_is_read_first() -> None:
    server = RawServer(OK + b"Content-Length: 3\r\n\r\nHi" + CUT)
    async with server.listening() as url, asking(url) as client:
        answer = await client.ask("GET", url, {})
        assert await answer.read() == b"Hi"
        with pytest.raises(ConnectionLost):
            await answer.read()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nHi",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nHi",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nHi",
        OK + b"No colon\r\n\r\n",
        OK + b"Endless: " + b"x" * 2**20,
        OK + b"Endless: x\r\n" * 2**17,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2**16,
        OK + b"Transfer-Encoding: chunked\r\n\r\nH\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nEndless: " + b"x" * 2**20,
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2**20,
    ],
)
async def test_what_is_no_http_is_refused_and_its_connection_closed(answer: bytes) -> None:
    server = RawServer(answer)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(5):
        with pytest.raises(NotHttp):
            await ask(client, url)
        await server.lost.wait()


class Flood(Listener):
    """Answers with much, and notes when it cannot go on."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.held_at = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(OK + f"Content-Length: {FLOOD_BYTES}\r\n\r\n".encode())
        while self.sent < FLOOD_BYTES:
            writer.write(b"x" * 2**16)
            self.sent += 2**16
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                if not self.held_at.done():
                    self.held_at.set_result(self.sent)
                await writer.drain()


async def test_a_reader_who_takes_nothing_holds_the_server_up() -> None:
    server = Flood()
    async with server.listening() as url, asking(url) as client, asyncio.timeout(10):
        answer = await client.ask("GET", url, {})
        assert await server.held_at < FLOOD_BYTES / 2  # what the sockets between hold, too
        first = await answer.read()
        assert len(first) < 3 * READ_AHEAD_BYTES
        assert len(first) + len(await body_of(answer)) == FLOOD_BYTES


# Connections.


async def test_a_large_answer_that_is_left_unread_leaves_its_connection_usable() -> None:
    body = b"x" * (READ_AHEAD_BYTES + 1)  # the last byte has the reading held
    server = RawServer(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body, SAYS_HI)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(5):
        answer = await client.ask("GET", url, {})
        for _ in range(100_000):
            await asyncio.sleep(0)
            if answer.whole:
                break
        answer.close()
        assert await ask(client, url) == b"Hi"
    assert server.connections == 1


async def test_requests_in_turn_share_a_connection() -> None:
    server = RawServer(SAYS_HI, SAYS_HI, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        for _ in range(3):
            await ask(client, url)
    assert server.connections == 1


async def test_a_closed_client_closes_its_connections() -> None:
    server = RawServer(SAYS_HI, SAYS_HI)
    async with server.listening() as url:
        async with asking(url) as client:
            await ask(client, url)
            answer = await client.ask("GET", url, {})
        assert not server.lost.is_set()
        assert await body_of(answer) == b"Hi"
        async with asyncio.timeout(5):
            await server.lost.wait()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nHi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nHi",
        SAYS_HI + b"HTTP/1.1 200 OK\r\n",
        SAYS_HI + b"\x00",
    ],
    ids=["told to close", "HTTP/1.0", "a second answer", "rubbish after it"],
)
async def test_a_connection_that_cannot_serve_again_is_closed(answer: bytes) -> None:
    server = RawServer(answer, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        assert await ask(client, url) == b"Hi"
    assert server.connections == 2


async def test_a_server_that_closes_an_idle_connection_gets_a_new_one() -> None:
    server = RawServer(SAYS_HI + CUT, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        await server.idle()
        assert await ask(client, url) == b"Hi"


@pytest.mark.parametrize(("method", "answers"), [("GET", 2), ("POST", 1)])
async def test_only_a_get_is_repeated_where_a_kept_connection_fails(method: str, answers: int) -> None:
    server = RawServer(SAYS_HI, CUT, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url)
        try:
            assert await body_of(await client.ask(method, url, {})) == b"Hi"
        except ConnectionLost:
            assert method == "POST"
    assert len(server.requests) == 1 + answers


async def test_an_idle_connection_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "KEEPALIVE_S", 0.05)
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(5):
        await ask(client, url)
        await server.lost.wait()


async def test_an_answer_that_is_left_early_closes_its_connection() -> None:
    server = RawServer(OK + b"Content-Length: 3\r\n\r\nHi")
    async with server.listening() as url, asking(url) as client, asyncio.timeout(5):
        (await client.ask("GET", url, {})).close()
        await server.lost.wait()


async def test_a_cancelled_request_closes_its_connection() -> None:
    server = RawServer()
    async with server.listening() as url, asking(url) as client, asyncio.timeout(5):
        task = asyncio.create_task(client.ask("POST", url, {}, b"x" * 2**24))
        await server.asked.wait()
        task.cancel()
        await server.lost.wait()
        assert task.cancelled()


# The way.


async def test_a_server_that_is_not_there_is_lost() -> None:
    async with RawServer().listening() as url:
        pass
    for way in (url, URL("http://nowhere.invalid"), URL(f"http://{'a' * 70}.test")):
        async with asking(way) as client:
            with pytest.raises(ConnectionLost):
                await ask(client, way)


async def test_connecting_takes_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_dialling, "CONNECT_TIMEOUT_S", 0.1)
    silent = RawServer()
    async with silent.listening() as url, asking(secret := url.with_scheme("https")) as client, asyncio.timeout(5):
        with pytest.raises(ConnectionLost):
            await ask(client, secret)
        await silent.lost.wait()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Makes one that clients trust."""
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return authority


def tls_for(authority: Authority, host: str) -> ssl.SSLContext:
    pair = authority.issue(host, hosts=[host])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    return context


async def test_a_server_is_asked_over_tls(authority: Authority) -> None:
    server = RawServer(SAYS_HI, SAYS_HI)
    async with server.listening(tls_for(authority, "127.0.0.1")) as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        assert await ask(client, url, b"x" * 2**20) == b"Hi"
    assert server.connections == 1


@pytest.mark.parametrize("fault", ["another host's", "another authority's"])
async def test_a_certificate_that_does_not_fit_is_refused(authority: Authority, tmp_path: Path, fault: str) -> None:
    tls = tls_for(authority, "other.test")
    if fault == "another authority's":
        tls = tls_for(Authority(tmp_path, "other"), "127.0.0.1")
    server = RawServer(SAYS_HI)
    async with server.listening(tls) as url, asking(url) as client:
        with pytest.raises(ConnectionLost):
            await ask(client, url)
    assert server.requests == []


@pytest.mark.parametrize("encrypted", [False, True], ids=["http proxy", "https proxy"])
async def test_a_server_behind_a_proxy_is_asked_through_a_tunnel(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, encrypted: bool
) -> None:
    server = RawServer(SAYS_HI, SAYS_HI)
    async with server.listening(tls_for(authority, "far.test")):
        proxy = ConnectProxy(server.port)
        async with proxy.listening(tls_for(authority, "127.0.0.1") if encrypted else None) as way:
            monkeypatch.setenv("https_proxy", str(way.with_user("me").with_password("p:w")))
            url = URL("https://far.test/v1")
            async with asking(url) as client:
                assert await ask(client, url) == b"Hi"
                assert await ask(client, url) == b"Hi"
    lines = b"Host: far.test:443\r\nProxy-Authorization: Basic bWU6cDp3\r\n\r\n"
    assert proxy.requests == [b"CONNECT far.test:443 HTTP/1.1\r\n" + lines]
    assert server.requests[0].startswith(b"POST /v1 HTTP/1.1\r\nHost: far.test\r\n")
    assert b"Proxy-Authorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("consent", "failure"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", ProxyRefusal),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", ConnectionLost),
        (b"no HTTP\r\n\r\n", NotHttp),
    ],
)
async def test_a_proxy_that_does_not_consent_is_a_failure(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, consent: bytes, failure: type[HttpFailure]
) -> None:
    server = RawServer(SAYS_HI)
    async with ConnectProxy(server.port, consent=consent).listening() as way:
        monkeypatch.setenv("https_proxy", str(way))
        async with server.listening(), asking(url := URL("https://far.test/v1")) as client:
            with pytest.raises(failure):
                await ask(client, url)
    assert server.requests == []


async def test_a_proxy_that_can_read_the_request_gets_it_whole(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = RawServer(SAYS_HI)
    async with proxy.listening() as way:
        monkeypatch.setenv("http_proxy", str(way.with_user("me")))
        async with asking(url := URL("http://far.test/v1")) as client:
            assert await ask(client, url) == b"Hi"
    head = (
        b"POST http://far.test/v1 HTTP/1.1\r\nHost: far.test\r\nUser-Agent: test\r\nProxy-Authorization: Basic bWU6\r\n"
    )
    assert proxy.requests == [head + b"Accept: */*\r\nContent-Length: 2\r\n\r\n{}"]
