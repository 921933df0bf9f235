"""HTTP as servers and proxies speak it: compressed, old, slow, cut, of any length and in any case."""

import gzip
import zlib

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import EXACT, CallResult, OneOf, answered, failed
from tests.field.provider import Reset, Steps
from tests.field.wire import (
    GOOD,
    HELLO,
    JSON,
    chunked,
    compact,
    completion,
    error,
    event,
    head,
    in_chunks,
    stream,
    text,
    whole,
)

pytestmark = pytest.mark.anyio

COUNTED = answered(input=8, output=3, accuracy=EXACT)
PROTOCOL, UNAVAILABLE = "PROVIDER_PROTOCOL", "PROVIDER_UNAVAILABLE"
LOST = OneOf(PROTOCOL, UNAVAILABLE)
WHOLE = compact(completion())
QUOTA = compact(error("x", "insufficient_quota", "insufficient_quota"))


def deflated(data: bytes, bits: int) -> bytes:
    """Compresses with zlib's window bits; negative means a raw stream."""
    deflate = zlib.compressobj(wbits=bits)
    return deflate.compress(data) + deflate.flush()


def flushed(*parts: bytes) -> tuple[bytes, ...]:
    """Compresses each part so that it can be read by itself, as a streaming server does."""
    deflate = zlib.compressobj(wbits=31)
    pieces = [deflate.compress(part) + deflate.flush(zlib.Z_SYNC_FLUSH) for part in parts]
    return (*pieces, deflate.flush())


def encoded(coding: str, body: bytes, content_type: str = "text/event-stream", status: int = 200) -> Steps:
    """Answers with a body in a content coding."""
    return whole(body, status, content_type, lines=[f"Content-Encoding: {coding}"])


BLANKS = gzip.compress(b" " * (70 * 2**20))
LONG = gzip.compress(b'{"a":"' + b"x" * (70 * 2**20))
COMPRESSED = {
    "gzip": case(encoded("gzip", gzip.compress(GOOD)), COUNTED),
    "gzip, whole": case(encoded("gzip", gzip.compress(WHOLE), JSON), COUNTED),
    "gzip of an error": case(encoded("gzip", gzip.compress(QUOTA), JSON, 429), failed("PROVIDER_AUTH")),
    "gzip in capitals": case(encoded("GZIP", gzip.compress(GOOD)), COUNTED),
    "x-gzip": case(encoded("x-gzip", gzip.compress(GOOD)), COUNTED, failed(PROTOCOL)),
    "gzip of each event": case(
        stream(*flushed(text("Hel"), text("lo"), GOOD[len(HELLO) :]), lines=["Content-Encoding: gzip"]), COUNTED
    ),
    "gzip in chunks": case(
        in_chunks(*flushed(text("Hel"), text("lo"), GOOD[len(HELLO) :]), lines=["Content-Encoding: gzip"]), COUNTED
    ),
    "gzip in two members": case(encoded("gzip", gzip.compress(HELLO) + gzip.compress(GOOD[len(HELLO) :])), COUNTED),
    "deflate": case(encoded("deflate", deflated(GOOD, 15)), COUNTED),
    "deflate, whole": case(encoded("deflate", deflated(WHOLE, 15), JSON), COUNTED),
    "deflate, raw": case(encoded("deflate", deflated(GOOD, -15)), COUNTED),
    "deflate of an error": case(encoded("deflate", deflated(QUOTA, 15), JSON, 429), failed("PROVIDER_AUTH")),
    "identity": case(encoded("identity", GOOD), COUNTED),
    "a coding that we did not request": case(encoded("br", b"\x8b\x02\x80\x03"), failed(PROTOCOL)),
    "an unknown coding": case(encoded("rot13", GOOD), failed(PROTOCOL), COUNTED),
    "invalid gzip": case(encoded("gzip", GOOD), failed(PROTOCOL)),
    "gzip, cut": case(encoded("gzip", gzip.compress(WHOLE)[:-20], JSON), failed(PROTOCOL)),
    "gzip with a wrong checksum": case(encoded("gzip", gzip.compress(WHOLE)[:-8] + bytes(8), JSON), failed(PROTOCOL)),
    "gzip of very much text": case(encoded("gzip", LONG, JSON), failed(PROTOCOL)),
    "gzip of very many blanks": case(encoded("gzip", BLANKS), failed(PROTOCOL)),
    "gzip of a very long error": case(encoded("gzip", LONG, JSON, 400), failed("PROVIDER_REJECTED")),
}

BIG = "X-Big: " + "b" * 6000
HTTP = {
    "HTTP/1.0 until the connection closes": case((head(200, "text/event-stream", version="1.0"), GOOD), COUNTED),
    "HTTP/1.0 with a length": case((head(200, JSON, f"Content-Length: {len(WHOLE)}", version="1.0") + WHOLE,), COUNTED),
    "HTTP/1.0, whole, until the connection closes": case((head(200, JSON, version="1.0"), WHOLE), COUNTED),
    "no reason phrase": case(
        (head(200, JSON, f"Content-Length: {len(WHOLE)}").replace(b" Any", b"") + WHOLE,), COUNTED
    ),
    "names in capitals": case((head(200, JSON, f"Content-Length: {len(WHOLE)}").upper() + WHOLE,), COUNTED),
    "no space after the colons": case(
        (head(200, JSON, f"Content-Length: {len(WHOLE)}").replace(b": ", b":") + WHOLE,), COUNTED
    ),
    "a chunk extension and a trailer": case(
        (
            head(200, "text/event-stream", "Transfer-Encoding: chunked", "Trailer: X-Sum"),
            b"%x;a=b\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(GOOD), GOOD),
        ),
        COUNTED,
    ),
    "chunk sizes in capitals, with zeros": case(
        (
            head(200, "text/event-stream", "Transfer-Encoding: chunked"),
            b"%08X\r\n%b\r\n000\r\n\r\n" % (len(GOOD), GOOD),
        ),
        COUNTED,
    ),
    "Transfer-Encoding in capitals": case(
        (head(200, "text/event-stream", "Transfer-Encoding: Chunked"), chunked(GOOD)), COUNTED
    ),
    "an invalid chunk size": case(
        (head(200, "text/event-stream", "Transfer-Encoding: chunked"), b"xyz\r\n" + GOOD), failed(PROTOCOL)
    ),
    "a large header": case(stream(GOOD, lines=[BIG]), COUNTED),
    "a hundred headers": case(stream(GOOD, lines=[f"X-{number}: {number}" for number in range(100)]), COUNTED),
    "an invalid cookie": case(stream(GOOD, lines=["Set-Cookie: \x01;=;;"]), COUNTED, failed(PROTOCOL)),
    "headers in Latin-1": case(stream(GOOD, lines=["X-Name: caf\xe9"]), COUNTED),
    "the head byte by byte": case(
        (*(bytes([byte]) for byte in head(200, JSON, f"Content-Length: {len(WHOLE)}")), WHOLE), COUNTED
    ),
    "a head without an end": case((head(200, JSON).removesuffix(b"\r\n"),), failed(LOST, may_have_worked=True)),
    "a head of a megabyte": case((b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 2**17, b"\r\n", GOOD), failed(LOST)),
    "a head that never ends": case((b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 2**20,), failed(LOST)),
    "another protocol": case((b"SSH-2.0-OpenSSH_9.6\r\n",), failed(LOST, may_have_worked=True)),
    "garbage": case((b"\x00\xff\x16\x03" * 20,), failed(LOST, may_have_worked=True)),
    "another version": case((b"HTTP/3.7 200 OK\r\n\r\n",), failed(LOST)),
    "no bytes": case(((),), failed(UNAVAILABLE, may_have_worked=True)),
    "a reset before the first byte": case((Reset(),), failed(UNAVAILABLE, may_have_worked=True)),
    "a cut status line": case((b"HTTP/1.1 20",), failed(LOST, may_have_worked=True)),
    "a negative length": case((head(200, JSON, "Content-Length: -5") + WHOLE,), failed(LOST)),
    "a length that is not a number": case((head(200, JSON, "Content-Length: many") + WHOLE,), failed(LOST)),
    "more than its length": case(
        (head(200, JSON, f"Content-Length: {len(WHOLE)}") + WHOLE + b"GARBAGE",), COUNTED, failed(PROTOCOL)
    ),
    "an event that is too large": case(stream(b"data: " + b"x" * (65 * 2**20)), failed(PROTOCOL)),
    "an error of 2 MB": case(whole(b'{"error":{"message":"' + b"x" * 2**21, 400), failed("PROVIDER_REJECTED")),
    "a cut error": case(
        (head(429, JSON, "Content-Length: 999") + compact(error("x", None, "rate_limit_exceeded"))[:20],),
        failed(OneOf("PROVIDER_RATE_LIMITED", PROTOCOL, UNAVAILABLE), requests=OneOf(1, 3)),
    ),
    "an answer before the request was read": case(whole(event("x"), 413, "text/plain"), failed("PROVIDER_REJECTED")),
}

CASES: dict[str, Case] = {
    **{f"compressed: {name}": one for name, one in COMPRESSED.items()},
    **{f"HTTP: {name}": one for name, one in HTTP.items()},
}


@pytest.mark.parametrize("name", CASES)
async def test_an_answer_over_http_is_read_or_refused(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
