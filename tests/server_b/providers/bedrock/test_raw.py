"""Answers of servers that are not quite Bedrock, byte by byte."""

import contextlib
import gzip
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.tls.authority import Authority
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import eventstream
from tests.support.bedrock_provider import PROMPT, bedrock, pieces_of
from tests.support.raw_http import RawServer, tls_for
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

EVENT_STREAM = "application/vnd.amazon.eventstream"


def _event(name: str, document: object, kind: str = "event") -> bytes:
    headers = {f":{kind}-type": name, ":message-type": kind}
    return eventstream.message(headers, json.dumps(document).encode())


HELLO = (
    _event("messageStart", {"role": "assistant"})
    + _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}})
    + _event("messageStop", {"stopReason": "end_turn"})
    + _event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}})
)


def _answer(body: bytes, *lines: str, status: str = "200 OK", content_type: str = EVENT_STREAM) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


@contextlib.asynccontextmanager
async def _answering(*answers: bytes) -> AsyncIterator[BedrockProvider]:
    async with RawServer(*answers).listening() as url:
        provider = bedrock(str(url))
        try:
            yield provider
        finally:
            await provider.close()


@pytest.mark.parametrize(
    "answer",
    [
        _answer(HELLO),
        _answer(HELLO, content_type="application/octet-stream"),
        _answer(HELLO, content_type="Application/VND.amazon.eventstream; charset=utf-8"),
        _answer(gzip.compress(HELLO), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % byte for byte in HELLO)
        + b"0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + HELLO + RawServer.CUT,
    ],
    ids=["plain", "no type", "type with more", "gzip", "a byte a chunk", "HTTP/1.0"],
)
async def test_an_answer_is_read_in_any_transfer_form(answer: bytes) -> None:
    async with _answering(answer) as provider:
        gathered = await whole_answer(provider, PROMPT)
    assert gathered.text == "Hello"
    assert gathered.usage is not None
    assert gathered.finish_reason is not None


WHOLE = {"output": {"message": {"content": [{"text": "Hello"}]}}, "stopReason": "end_turn"}


async def test_a_whole_answer_instead_of_a_stream_is_read() -> None:
    body = json.dumps(WHOLE).encode()
    async with _answering(_answer(body, content_type="application/json; charset=utf-8")) as provider:
        assert (await whole_answer(provider, PROMPT)).text == "Hello"


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        ("403 Forbidden", (), b'{"message":"Forbidden"}', ProviderAuth),
        ("403 Forbidden", (), b"<html>Proxy says no</html>", ProviderAuth),
        ("400 Bad Request", (), b'{"__type":"UnrecognizedClientException"}', ProviderAuth),
        ("400 Bad Request", (), b'{"__type":"com.amazon#ThrottlingException","Message":"x"}', ProviderRateLimited),
        ("429 Slow down", ("Retry-After: 3",), b"", ProviderRateLimited),
        ("400 Bad Request", ("x-amzn-ErrorType: ValidationException:",), b"{}", ProviderRejected),
        ("404 Not Found", ("X-Amzn-Errortype: ResourceNotFoundException",), b"\xff\xfe", UnknownModel),
        ("503 Busy", (), gzip.compress(b'{"message":"busy"}', mtime=0), ProviderUnavailable),
        ("200 OK", (), b'{"__type":"ThrottlingException","message":"Enough"}', ProviderRateLimited),
        ("200 OK", (), b'{"message":"Something else"}', ProviderProtocol),
        ("204 No Content", (), b"", ProviderProtocol),
        ("301 Moved", ("Location: https://elsewhere",), b"", ProviderProtocol),
    ],
)
async def test_a_failure_is_reported_for_what_it_is(
    status: str, headers: tuple[str, ...], body: bytes, expected: type[RelayError]
) -> None:
    coding = ("Content-Encoding: gzip",) if body.startswith(b"\x1f\x8b") else ()
    answer = _answer(body, *headers, *coding, status=status, content_type="application/json")
    async with _answering(answer) as provider:
        with pytest.raises(expected) as error:
            await pieces_of(provider)
    assert error.value.retry_after_s == (3.0 if "Retry-After: 3" in headers else None)


CANARY = "canary0header"


@pytest.mark.parametrize(
    "answer",
    [
        _answer(b"{}", f"x-amzn-ErrorType: {CANARY}", status="500 Oh no", content_type="application/json"),
        _answer(b"{}", f"x-amzn-ErrorType: \xff\x00{CANARY}", status="400 Bad", content_type="application/json"),
        _answer(HELLO, f"{CANARY}"),
        _answer(HELLO, f"{CANARY} : x", f" {CANARY}", f"\xff{CANARY}: \xff"),
        b"HTTP/1.1 200 OK\r\n" + CANARY.encode() + b"\x00\xff\x01: x\r\n\r\n" + RawServer.CUT,
        f"{CANARY} garbage\r\n\r\n".encode() + RawServer.CUT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY.encode() + RawServer.CUT,
        _answer(HELLO[:40]) + RawServer.CUT,
        _answer(eventstream.message({":message-type": CANARY}, CANARY.encode())),
        _answer(_event(f"{CANARY}Exception", {"message": CANARY}, kind="exception")),
    ],
)
async def test_nothing_that_a_server_sends_reaches_the_log_or_the_error(
    caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    async with _answering(answer) as provider:
        try:
            await pieces_of(provider)
        except RelayError as error:
            told = f"{error.message} {error.operator_detail}"
    assert CANARY not in told
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert CANARY not in " ".join(record.getMessage() for record in warnings)


async def test_a_ca_bundle_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("AWS_CA_BUNDLE", authority.ca_file)
    async with RawServer(_answer(HELLO)).listening(tls_for(authority, "127.0.0.1")) as url:
        provider = bedrock(str(url))
        assert (await whole_answer(provider, PROMPT)).text == "Hello"
        await provider.close()
