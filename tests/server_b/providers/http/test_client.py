"""The HTTP client, over real sockets: its requests, the answers it accepts, and how much of them it reads."""

import asyncio
import contextlib
import gzip
import zlib

import pytest
from yarl import URL

from llm_relay.errors import ProviderProtocol, ProviderUnavailable, RelayError
from server_b.providers.http.client import HttpClient
from server_b.providers.http.limits import Limits
from tests.support.raw_http import END, Listener, RawServer, asking, body_of

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
SAYS_HI = OK + b"Content-Length: 2\r\n\r\nHi"
CUT = RawServer.CUT
FLOOD_BYTES = 2**26


async def ask(client: HttpClient, url: URL | str, body: bytes = b"{}") -> bytes:
    return await body_of(await client.ask("POST", str(url), {"Accept": "*/*"}, body))


async def answered(server: RawServer) -> bytes:
    async with server.listening() as url, asking(url) as client:
        return await ask(client, url)


# Requests.


async def test_a_request_is_written_as_given() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, f"{url}/a%20b/c%3A0?d=e%2Ff", b"body")
    head = f"POST /a%20b/c%3A0?d=e%2Ff HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUser-Agent: test\r\nAccept: */*\r\n"
    assert server.requests == [f"{head}Content-Length: 4\r\n\r\nbody".encode()]


async def test_a_large_request_arrives_whole() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url, b"x" * 2**24)
    assert len(server.requests[0].partition(b"\r\n\r\n")[2]) == 2**24


async def test_a_redirect_is_not_followed_and_a_cookie_not_stored() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    server = RawServer(moved, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        response = await client.ask("POST", str(url))
        assert response.status == 307
        response.close()
        await ask(client, url)
    assert len(server.requests) == 2
    assert b"ookie" not in server.requests[1]


async def test_an_answer_that_arrives_before_the_request_is_sent_is_read() -> None:
    refusal = b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nHi"

    class Hasty(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(END)
            writer.write(refusal)
            await writer.drain()

    async with Hasty().listening() as url, asking(url) as client, asyncio.timeout(10):
        response = await client.ask("POST", str(url), {}, b"x" * 2**24)
        assert (response.status, await body_of(response)) == (413, b"Hi")


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
async def test_an_answer_is_complete_when_http_says_so(answer: bytes) -> None:
    assert await answered(RawServer(answer)) == b"Hi"


async def test_the_head_has_the_status_and_its_fields_by_names_in_any_case() -> None:
    server = RawServer(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 7 \r\n\r\n" + CUT)
    async with server.listening() as url, asking(url) as client:
        response = await client.ask("GET", str(url))
        assert response.status == 429
        assert response.headers["retry-after"] == response.headers["Retry-After"] == "7"
        assert await body_of(response) == b""


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ProviderUnavailable),
        (b"HTTP/1.1 20", ProviderUnavailable),
        (OK, ProviderUnavailable),
        (OK + b"Content-Length: 3\r\n\r\nHi", ProviderProtocol),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nHi\r\n", ProviderProtocol),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", ProviderProtocol),
    ],
)
async def test_a_cut_answer_is_an_error_and_may_have_been_paid_for(answer: bytes, error: type[RelayError]) -> None:
    with pytest.raises(error) as raised:
        await answered(RawServer(answer + CUT))
    assert type(raised.value) is error
    assert raised.value.may_have_worked


async def test_data_before_the_cut_is_read_first() -> None:
    server = RawServer(OK + b"Content-Length: 3\r\n\r\nHi" + CUT)
    async with server.listening() as url, asking(url) as client:
        with contextlib.closing(await client.ask("GET", str(url))) as response:
            assert await response.next_chunk() == b"Hi"
            with pytest.raises(ProviderProtocol, match="cut short"):
                await response.next_chunk()


@pytest.mark.parametrize("size", [b"H", b"-1", b"2\r\nHi\r\nH"])
async def test_a_body_whose_chunks_are_malformed_is_an_error(size: bytes) -> None:
    server = RawServer(OK + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        with pytest.raises(ProviderProtocol, match="cut short"):
            await ask(client, url)
        await server.lost.wait()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nHi",
        OK + b"No colon\r\n\r\n",
        OK + b"Endless: " + b"x" * 2**20,
        OK + b"Endless: x\r\n" * 2**17,
    ],
)
async def test_bytes_that_are_not_http_are_refused_and_the_connection_closed(answer: bytes) -> None:
    server = RawServer(answer)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        with pytest.raises(ProviderProtocol, match="not HTTP") as raised:
            await ask(client, url)
        await server.lost.wait()
    assert raised.value.operator_detail == f"the answer of 127.0.0.1:{server.port} is not HTTP: is its scheme https?"


# Compressed bodies.

BODY = b'{"text": "Hi"}' * 100


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("identity", BODY),
    ],
    ids=["gzip", "GZIP", "x-gzip", "zlib", "raw deflate", "identity"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_an_unrequested_compressed_body_is_decompressed(coding: str, body: bytes, size: int) -> None:
    head = f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    assert await answered(RawServer(OK + head + chunks + b"0\r\n\r\n")) == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_body_that_does_not_match_its_coding_is_an_error(coding: str) -> None:
    head = f"Content-Encoding: {coding}\r\nContent-Length: 5\r\n\r\n".encode()
    with pytest.raises(ProviderProtocol):
        await answered(RawServer(OK + head + b"hello"))


async def test_a_body_that_decompresses_without_end_is_given_up() -> None:
    bomb = gzip.compress(bytes(2**24))
    server = RawServer(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
    limits = Limits(max_decoded_bytes=2**20)
    async with server.listening() as url, asking(url, limits) as client, asyncio.timeout(60):
        with (
            contextlib.closing(await client.ask("GET", str(url))) as response,
            pytest.raises(ProviderProtocol, match="too large"),
        ):
            await response.read(2**30)
        await server.lost.wait()


async def test_a_body_over_the_readers_limit_is_given_up() -> None:
    server = RawServer(OK + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        with (
            contextlib.closing(await client.ask("GET", str(url))) as response,
            pytest.raises(ProviderProtocol, match="too large"),
        ):
            await response.read(50_000)
        await server.lost.wait()


# Slow readers.


class Flood(Listener):
    """Answers with much data, and records how much was read when it cannot go on."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.held_at = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.transport.set_write_buffer_limits(0)
        writer.write(OK + f"Content-Length: {FLOOD_BYTES}\r\n\r\n".encode())
        while self.sent < FLOOD_BYTES:
            writer.write(b"x" * 2**14)
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                if not self.held_at.done():
                    self.held_at.set_result(self.sent)
                await writer.drain()
            self.sent += 2**14


async def test_a_reader_who_reads_nothing_slows_the_server_down() -> None:
    server = Flood()
    async with server.listening(send_buffer_bytes=4096) as url, asking(url) as client, asyncio.timeout(10):
        response = await client.ask("GET", str(url))
        assert await server.held_at <= 128 * 1024
        assert len(await body_of(response)) == FLOOD_BYTES
