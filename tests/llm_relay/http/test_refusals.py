"""Requests whose framing two servers could read differently, and requests that would only occupy a connection."""

import pytest

from llm_relay.http.head_check import MAX_FIELDS, MAX_HEAD_BYTES
from tests.llm_relay.http.served import App, connected, request

pytestmark = pytest.mark.anyio

CHUNKED = "Transfer-Encoding: chunked"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def head(*lines: str, url: str = "/", version: str = "1.1") -> bytes:
    return "\r\n".join([f"POST {url} HTTP/{version}", "Host: h", *lines, "", ""]).encode("latin-1")


REFUSED = {
    "unknown coding": (head("Transfer-Encoding: xchunked") + HELLO, 400),
    "gzip": (head("Transfer-Encoding: gzip") + b"hello", 400),
    "identity": (head("Transfer-Encoding: identity") + b"hello", 400),
    "chunked with a parameter": (head("Transfer-Encoding: chunked;q=1") + HELLO, 400),
    "quoted": (head('Transfer-Encoding: "chunked"') + HELLO, 400),
    "no coding": (head("Transfer-Encoding: ") + HELLO, 400),
    "gzip, chunked": (head("Transfer-Encoding: gzip, chunked") + HELLO, 501),
    "gzip and chunked in two fields": (head("Transfer-Encoding: gzip", CHUNKED) + HELLO, 501),
    "an empty coding, chunked": (head("Transfer-Encoding: ,chunked") + HELLO, 501),
    "chunked, gzip": (head("Transfer-Encoding: chunked, gzip") + HELLO, 400),
    "chunked twice": (head(CHUNKED, CHUNKED) + HELLO, 400),
    "length and chunked": (head("Content-Length: 5", CHUNKED) + HELLO, 400),
    "chunked and length": (head(CHUNKED, "Content-Length: 5") + HELLO, 400),
    "chunked in HTTP/1.0": (head(CHUNKED, version="1.0") + HELLO, 400),
    "two lengths": (head("Content-Length: 5", "Content-Length: 5") + b"hello", 400),
    "a list of lengths": (head("Content-Length: 5, 5") + b"hello", 400),
    "a negative length": (head("Content-Length: -1") + b"hello", 400),
    "a length with a sign": (head("Content-Length: +5") + b"hello", 400),
    "folded field": (head("X-A: b", " c", "Content-Length: 5") + b"hello", 400),
    "folded coding": (head("Transfer-Encoding:", " chunked") + HELLO, 400),
    "space before the colon": (head("Content-Length : 5") + b"hello", 400),
    "tab before the colon": (head("Transfer-Encoding\t: chunked") + HELLO, 400),
    "bare line feeds": (head("Content-Length: 5").replace(b"\r\n", b"\n") + b"hello", 400),
    "a bare line feed": (head("X-A: b\nX-B: c", "Content-Length: 5") + b"hello", 400),
    "a bare carriage return": (head("X-A: b\rc", "Content-Length: 5") + b"hello", 400),
    "a zero byte": (head("X-A: b\0c", "Content-Length: 5") + b"hello", 400),
    "no colon": (head("Hello", "Content-Length: 5") + b"hello", 400),
    "no name": (head(": x", "Content-Length: 5") + b"hello", 400),
    "invalid chunk size": (head(CHUNKED) + b"zz\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size with 0x": (head(CHUNKED) + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    "negative chunk size": (head(CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n", 400),
    "chunk size that overflows": (head(CHUNKED) + b"ffffffffffffffffff\r\nhello", 400),
    "chunk longer than its size": (head(CHUNKED) + b"5\r\nhelloXX0\r\n\r\n", 400),
    "chunks with bare line feeds": (head(CHUNKED) + HELLO.replace(b"\r\n", b"\n"), 400),
    "length in a trailer": (head(CHUNKED) + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", 400),
    "endless chunk extension": (head(CHUNKED) + b"5;" + b"a" * 500_000, 400),
    "endless trailer": (head(CHUNKED) + HELLO[:-2] + b"X: " + b"a" * 500_000, 400),
    "endless trailers": (head(CHUNKED) + HELLO[:-2] + b"X: a\r\n" * 100_000, 400),
    "too many fields": (head(*(f"X-{number}: a" for number in range(MAX_FIELDS))), 431),
    "a large field": (head("X-A: " + "a" * MAX_HEAD_BYTES), 431),
    "a large URL": (head(url="/" + "a" * MAX_HEAD_BYTES), 431),
    "another host in the URL": (head("Content-Length: 0", url="http://other.example/"), 400),
    "a user in the URL": (head("Content-Length: 0", url="http://me@h/"), 400),
    "another port in the URL": (head("Content-Length: 0", url="http://h:8080/"), 400),
    "the port of another scheme": (head("Content-Length: 0", url="http://h:443/"), 400),
    "the port of http with https": (head("Content-Length: 0", url="https://h:80/"), 400),
    "two ports": (head("Content-Length: 0", url="http://h:80:80/"), 400),
    "a host that ends like a port": (head("Content-Length: 0", url="http://h80/"), 400),
    "a user and the default port": (head("Content-Length: 0", url="http://h:80@other/"), 400),
}


@pytest.mark.parametrize(("sent", "status"), REFUSED.values(), ids=REFUSED)
async def test_an_ambiguous_or_wasteful_request_is_refused_at_once_and_the_connection_closed(
    sent: bytes, status: int
) -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(sent)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize("sent", [REFUSED["invalid chunk size"][0], REFUSED["endless trailers"][0]])
async def test_a_body_that_breaks_later_is_refused_as_soon_as_it_does(sent: bytes) -> None:
    begun, _, rest = sent.partition(b"\r\n\r\n")
    async with connected(App()) as (reader, writer):
        writer.write(request("/", b"first"))
        assert (await reader.readuntil(b"|")).endswith(b"POST first |")
        writer.write(begun + b"\r\n\r\n")
        await writer.drain()
        writer.write(rest)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_unreadable_data_after_a_request_leaves_its_answer_complete() -> None:
    app = App()
    async with connected(app) as (reader, writer):
        writer.write(request("/hang", b"1"))
        await app.asked.wait()
        writer.write(REFUSED["unknown coding"][0])
        await writer.drain()
        app.go_on.set()
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"POST 1 |")
    assert app.paths == ["/hang"]


TAKEN = {
    "chunked": head(CHUNKED) + HELLO,
    "CHUNKED": head("transfer-encoding: CHUNKED ") + HELLO,
    "chunk extension": head(CHUNKED) + b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "its own host in the URL": head("Content-Length: 5", url="http://H/") + b"hello",
    "the default port in the URL": head("Content-Length: 5", url="http://h:80/") + b"hello",
    "the default port of https": head("Content-Length: 5", url="https://h:443/?a=b") + b"hello",
    "an empty port in Host": head("Content-Length: 5", url="http://h/").replace(b"Host: h", b"Host: h:") + b"hello",
    "the default port in Host": head("Content-Length: 5", url="http://h/").replace(b"Host: h", b"Host: H:80")
    + b"hello",
    "an IPv6 address": head("Content-Length: 5", url="http://[::80]:80/").replace(b"Host: h", b"Host: [::80]")
    + b"hello",
    "a large body in small chunks": head(CHUNKED) + b"1\r\na\r\n" * 30_000 + b"0\r\n\r\n",
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
async def test_an_unambiguous_request_is_accepted_and_the_connection_kept(sent: bytes) -> None:
    async with connected(App()) as (reader, writer):
        for _ in range(2):
            writer.write(sent)
            assert (await reader.readuntil(b"|")).startswith(b"HTTP/1.1 200 ")


async def test_trailers_are_no_header_fields_of_their_request_or_the_next() -> None:
    async with connected(App()) as (reader, writer):
        for last in (b"X-Seen: smuggled\r\n\r\n", b"X-Seen:\r\n\r\n"):
            writer.write(head(CHUNKED) + HELLO[:-2] + last + request("/", b"next"))
            assert (await reader.readuntil(b"|")).endswith(b"POST hello |")
            assert (await reader.readuntil(b"|")).endswith(b"POST next |")
