"""One HTTP connection: what it reads, what it sends to old clients, and how it notices that a client left."""

import pytest

from llm_relay.http.connection import MAX_PIPELINED_BYTES
from llm_relay.http.serving import KEEP_ALIVE_S
from tests.llm_relay.http.served import App, connected, request

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("line", ["X-Seen: a b", "X-Seen:a b", "X-Seen: a b ", "X-Seen: \t a b \t ", "x-seen:a b\t"])
async def test_spaces_around_a_headers_value_are_not_part_of_it(line: str) -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/", b"", line))
        assert (await reader.readuntil(b"|")).endswith(b"POST  a b|")


@pytest.mark.parametrize(
    "lines",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("Connection: upgrade", "upgrade: TLS/1.0, HTTP/2.0"),
    ],
    ids=["h2c", "websocket", "tls"],
)
async def test_an_offer_of_another_protocol_is_declined_and_the_body_read(lines: tuple[str, ...]) -> None:
    async with connected(App()) as (reader, writer):
        for _ in range(2):
            writer.write(request("/", b"hello", *lines))
            assert (await reader.readuntil(b"|")).endswith(b"POST hello |")


@pytest.mark.parametrize("junk", [b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"\0\1\2\r\n\r\n"])
async def test_bytes_that_are_no_request_are_refused_and_the_connection_closed(junk: bytes) -> None:
    async with connected(App()) as (reader, writer):
        writer.write(junk)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_an_http_1_0_client_gets_no_chunks() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/stream", version="1.0"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    assert body == b"Hello"


async def test_an_http_1_0_client_gets_an_answer_of_known_length_with_its_length() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/", b"hi", version="1.0"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"content-length: 9" in head.lower()
    assert body == b"POST hi |"


async def test_an_http_1_1_client_gets_chunks() -> None:
    async with connected(App()) as (reader, writer):
        writer.write(request("/stream"))
        assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n")


TOO_MUCH = 128 * MAX_PIPELINED_BYTES
"""More than the kernel buffers for a server that does not read."""
BEHIND = {
    "one": request("/next"),
    "several": request("/next") * 20,
    "half a head": request("/next")[:-5],
    "half a body": request("/next", b"x" * 100)[:-50],
    "a large body": request("/next", b"x" * 200_000),
    "too much": request("/next", b"x" * TOO_MUCH),
    "no request": b"\0\1\2\r\n\r\n",
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one write", "later"])
async def test_a_client_that_leaves_is_noticed_whatever_it_sent_after_its_request(
    behind: bytes, *, at_once: bool
) -> None:
    app = App()
    async with connected(app) as (_, writer):
        if at_once:
            writer.write(request("/hang") + behind)
        else:
            writer.write(request("/hang"))
            await app.asked.wait()
            writer.write(behind)
        await app.asked.wait()
        await writer.drain()
        writer.close()
        await app.left.wait()
    assert app.paths == ["/hang"]


async def test_pipelined_requests_are_answered_in_order() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(request("/hang", b"1") + request("/", b"2") + request("/", b"x" * 50_000) + request("/", b"4"))
        await app.asked.wait()
        app.go_on.set()
        for body in (b"1", b"2", b"x" * 50_000, b"4"):
            assert (await reader.readuntil(b"|")).endswith(b"POST %b |" % body)


@pytest.mark.parametrize("name", ["too much", "no request"])
async def test_unreadable_or_too_large_pipelined_data_ends_the_connection_after_the_answer(name: str) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(request("/hang", b"1"))
        await app.asked.wait()
        writer.write(BEHIND[name])
        await writer.drain()
        app.go_on.set()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"POST 1 |"
    assert app.paths == ["/hang"]


def test_an_idle_connection_is_kept_longer_than_load_balancers_keep_theirs() -> None:
    assert KEEP_ALIVE_S > 65
