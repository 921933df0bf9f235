"""Answers of real servers, byte by byte: the provider over a raw socket."""

import asyncio
import contextlib
import gzip
import zlib
from dataclasses import dataclass, field

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
from llm_relay.messages import Accuracy, FinishReason, Prompt, Usage
from server_b.providers.base import Ending, Text
from server_b.providers.openai.provider import OpenAIProvider
from tests.support.openai_provider import create_provider
from tests.support.raw_http import RawServer

pytestmark = pytest.mark.anyio

CUT, RESET = RawServer.CUT, RawServer.RESET
HEAD = b'data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":'
DONE = b"data: [DONE]\n\n"


def c(text: str) -> bytes:
    return HEAD + b'{"content":"%b"},"finish_reason":null}]}\n\n' % text.encode()


def f(reason: str, more: bytes = b"") -> bytes:
    return HEAD + b'{},"finish_reason":"%b"}]%b}\n\n' % (reason.encode(), more)


def usage(counts: str) -> bytes:
    return b'data: {"choices":[],"usage":{%b}}\n\n' % counts.encode()


def response(body: bytes, *, status: int = 200, kind: str = "text/event-stream", head: str = "") -> bytes:
    lines = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    return lines.encode() + body


def sse(*events: bytes) -> bytes:
    return response(b"".join(events))


def as_json(body: str, *, status: int = 200, head: str = "") -> bytes:
    return response(body.encode(), status=status, kind="application/json", head=head)


def completion(more: str = '"finish_reason":"stop"', counts: str = "null") -> str:
    return f'{{"model":"m","choices":[{{"message":{{"content":"Hi!"}},{more}}}],"usage":{counts}}}'


def unended(body: bytes) -> bytes:
    """A body that ends with the connection, as HTTP allows."""
    return b"HTTP/1.1 200 x\r\nContent-Type: text/event-stream\r\n\r\n" + body + CUT


def exact(input_tokens: int, output_tokens: int, **more: int) -> Usage:
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens, accuracy=Accuracy.EXACT, **more)


@dataclass(frozen=True)
class Case:
    """Bytes, and their meaning."""

    sent: bytes
    text: str = ""
    reason: FinishReason | None = None
    error: type[RelayError] | None = None
    usage: Usage | None = None
    says: str = ""
    wait_s: float | None = None
    may_have_worked: bool | None = field(default=None)


STOP, LENGTH = FinishReason.STOP, FinishReason.LENGTH


def died(sent: bytes, text: str) -> Case:
    return Case(sent, text, error=ProviderUnavailable, may_have_worked=True)


CASES = {
    "died during the answer": died(sse(c("Hel"), c("lo"), f("error"), DONE), "Hello"),
    "died, network": died(sse(c("Hel"), f("network_error"), DONE), "Hel"),
    "died, no room": died(sse(c("Hel"), f("insufficient_system_resource"), DONE), "Hel"),
    "no room at once": Case(
        sse(f("insufficient_system_resource"), DONE), error=ProviderUnavailable, may_have_worked=False
    ),
    "died, whole": died(as_json(completion('"finish_reason":"error","error":{"code":502}')), ""),
    "died, whole, in words": died(as_json(completion('"finish_reason":"error"')), ""),
    "sensitive": Case(sse(c("x"), f("sensitive"), DONE), "x", FinishReason.CONTENT_FILTER),
    "a BOM": Case(sse(b"\xef\xbb\xbf", c("Hi"), f("stop"), DONE), "Hi", STOP),
    "a BOM, whole": Case(as_json("\ufeff" + completion()), "Hi!", STOP),
    "reasoning on top": Case(
        sse(
            c("x"),
            f("stop"),
            usage(
                '"prompt_tokens":20,"completion_tokens":5,"total_tokens":325,"completion_tokens_details":{"reasoning_tokens":300}'
            ),
            DONE,
        ),
        "x",
        STOP,
        usage=exact(20, 305, reasoning_tokens=300),
    ),
    "reasoning within": Case(
        sse(
            c("x"),
            f("stop"),
            usage(
                '"prompt_tokens":20,"completion_tokens":305,"total_tokens":325,"completion_tokens_details":{"reasoning_tokens":300}'
            ),
            DONE,
        ),
        "x",
        STOP,
        usage=exact(20, 305, reasoning_tokens=300),
    ),
    "zeros": Case(
        sse(c("x"), f("stop"), usage('"prompt_tokens":0,"completion_tokens":0,"total_tokens":0'), DONE), "x", STOP
    ),
    "counts in the choice": Case(
        sse(c("x"), HEAD + b'{},"finish_reason":"stop","usage":{"prompt_tokens":8,"completion_tokens":3}}]}\n\n', DONE),
        "x",
        STOP,
        usage=exact(8, 3),
    ),
    "an error event": Case(
        sse(c("x"), b'event: error\ndata: {"message":"it broke"}\n\n', f("stop"), DONE), "x", error=ProviderProtocol
    ),
    "an error event without data": Case(sse(c("x"), b"event: error\n\n"), "x", error=ProviderProtocol),
    "an error in the choice": died(
        sse(c("x"), HEAD + b'{},"finish_reason":null,"error":{"code":502}}]}\n\n', DONE), "x"
    ),
    "a limit after a comment": Case(
        sse(b": hi\n\n", b'data: {"error":{"code":"429"}}\n\n'), error=ProviderRateLimited, may_have_worked=False
    ),
    "a limit after a heartbeat": Case(
        sse(b"data:\n\n", b'data: {"error":{"code":"429"}}\n\n'), error=ProviderRateLimited, may_have_worked=True
    ),
    "an error field": died(sse(c("x"), b'error: {"code":503,"message":"x"}\n\n', DONE), "x"),
    "length in Anthropic's words": Case(sse(c("x"), f("max_tokens"), DONE), "x", LENGTH),
    "length in Google's words": Case(sse(c("x"), f("MAX_TOKENS"), DONE), "x", LENGTH),
    "stop in Cohere's words": Case(sse(c("x"), f("COMPLETE"), DONE), "x", STOP),
    "message for delta": Case(
        sse(b'data: {"choices":[{"message":{"content":"Hi"}}]}\n\n', f("stop"), DONE), "Hi", STOP
    ),
    "heartbeats": Case(
        sse(b"data:\n\n", c("Hi"), b"data: \n\n", b"event: ping\ndata:\n\n", c("!"), f("stop"), DONE), "Hi!", STOP
    ),
    "one newline at the end": Case(unended(c("Hi") + f("stop")[:-1]), "Hi", STOP),
    "no newline at the end": Case(unended(c("Hi") + f("stop")[:-2]), "Hi", STOP),
    "cut within the last event": Case(unended(c("Hi") + f("stop")[:-9]), "Hi", error=ProviderProtocol),
    "cut by the connection": Case(sse(c("Hi"), f("stop"), DONE)[:-60] + CUT, "Hi", error=ProviderProtocol),
    "reset during the answer": Case(sse(c("Hi"), f("stop"), DONE)[:-60] + RESET, "Hi", error=ProviderProtocol),
    "the end mark behind a whole answer": Case(as_json(completion() + "\n\ndata: [DONE]\n\n"), "Hi!", STOP),
    "streamed as JSON": Case(response(c("Hi") + f("stop") + DONE, kind="application/json"), "Hi", STOP),
    "whole as a stream": Case(response(completion().encode()), "Hi!", STOP),
    "gzip, whole": Case(response(gzip.compress(completion().encode()), head="Content-Encoding: gzip\r\n"), "Hi!", STOP),
    "gzip, a stream": Case(
        response(gzip.compress(c("Hi") + f("stop") + DONE), head="Content-Encoding: gzip\r\n"), "Hi", STOP
    ),
    "deflate, a stream": Case(
        response(zlib.compress(c("Hi") + f("stop") + DONE), head="Content-Encoding: deflate\r\n"), "Hi", STOP
    ),
    "gzip, an error": Case(
        response(
            gzip.compress(b'{"error":{"code":"insufficient_quota"}}'), status=429, head="Content-Encoding: gzip\r\n"
        ),
        error=ProviderAuth,
    ),
    "no finish reason": Case(sse(c("Hi"), DONE), "Hi", FinishReason.OTHER),
    "no end at all": Case(sse(c("Hi")), "Hi", error=ProviderProtocol),
    "a status as text after text": Case(
        sse(c("x"), b'data: {"error":{"message":"x","type":null,"code":"429"}}\n\n'),
        "x",
        error=ProviderRateLimited,
        may_have_worked=True,
    ),
    "a status as text, first": Case(
        sse(b'data: {"error":{"message":"x","type":null,"code":"429"}}\n\n'),
        error=ProviderRateLimited,
        may_have_worked=False,
    ),
    "a server error, first": Case(
        sse(b'data: {"error":{"message":"x","code":"500"}}\n\n'), error=ProviderUnavailable, may_have_worked=True
    ),
    "a bare error as a stream": Case(response(b'{"error":{"code":"429","message":"x"}}'), error=ProviderRateLimited),
    "a bare error as JSON": Case(as_json('{"error":{"code":"model_not_found","message":"x"}}'), error=UnknownModel),
    "an empty account": Case(as_json('{"error":{"code":"1113"}}', status=429), error=ProviderAuth),
    "a bad key as 400": Case(
        as_json('[{"error":{"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]', status=400),
        error=ProviderAuth,
    ),
    "a wait in the body": Case(
        as_json('[{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"53s"}]}}]', status=429),
        error=ProviderRateLimited,
        wait_s=53,
        may_have_worked=False,
    ),
    "498": Case(
        as_json('{"error":{"code":"capacity_exceeded"}}', status=498), error=ProviderUnavailable, may_have_worked=False
    ),
    "504 in JSON": Case(
        as_json('{"error":{"message":"x"}}', status=504), error=ProviderUnavailable, may_have_worked=True
    ),
    "502 of a proxy": Case(
        response(b"<html>Bad Gateway</html>", status=502, kind="text/html"),
        error=ProviderUnavailable,
        may_have_worked=True,
    ),
    "a refusal after text": Case(
        sse(c("x"), b'data: {"error":{"type":"invalid_request_error","status_code":400}}\n\n'),
        "x",
        error=ProviderRejected,
        may_have_worked=True,
    ),
    "vLLM's refusal, first": Case(
        sse(b'data: {"object":"error","type":"BadRequestError","message":"x","code":400}\n\n', DONE),
        error=ProviderRejected,
        may_have_worked=False,
    ),
    "too long": Case(
        as_json('{"error":{"code":400,"message":"x","type":"exceed_context_size_error"}}', status=400),
        error=ProviderRejected,
        says="too long",
    ),
    "not SSE": Case(sse(c("x").replace(b"data:", b"Data:"), f("stop"), DONE), error=ProviderProtocol),
    "a letter lost": Case(sse(c("x"), c("y").replace(b"data:", b"ata:"), f("stop"), DONE), "x", error=ProviderProtocol),
    "not a chunk": Case(sse(c("x"), b'data: {"id":"c1"}\n\n', f("stop"), DONE), "x", error=ProviderProtocol),
    "no events": Case(sse(b": hi\n\n", DONE), error=ProviderProtocol),
    "a page of HTML": Case(response(b"<html>Sign in</html>", kind="text/html"), error=ProviderProtocol),
    "not HTTP": Case(b"SSH-2.0-OpenSSH\r\n" + CUT, error=ProviderProtocol),
    "closed without a byte": Case(CUT, error=ProviderUnavailable, may_have_worked=True),
    "reset without a byte": Case(RESET, error=ProviderUnavailable, may_have_worked=True),
    "NaN beside the text": Case(
        sse(c("Hi").replace(b'"index":0', b'"index":0,"logprobs":NaN'), f("stop"), DONE), "Hi", STOP
    ),
    "halves of a character": Case(sse(c("\\ud83d"), c("\\ude00"), f("stop"), DONE), "\U0001f600", STOP),
}


async def call(provider: OpenAIProvider) -> tuple[str, Ending | None, RelayError | None]:
    text, ending = "", None
    try:
        async with contextlib.aclosing(provider.stream(Prompt(message="Hi"))) as pieces:
            async for piece in pieces:
                text += piece.text if isinstance(piece, Text) else ""
                ending = piece if isinstance(piece, Ending) else None
    except RelayError as error:
        return text, None, error
    return text, ending, None


def assert_told(case: Case, text: str, ending: Ending | None, error: RelayError | None) -> None:
    assert text == case.text
    if case.error is None:
        assert ending == Ending(case.reason or STOP, case.usage)
        return
    assert type(error) is case.error
    assert error is not None
    assert case.says in error.message
    assert error.retry_after_s == case.wait_s
    assert case.may_have_worked in (None, error.may_have_worked)


@pytest.mark.parametrize("name", CASES)
async def test_a_servers_answer_is_reported_for_what_it_is(name: str) -> None:
    case = CASES[name]
    server = RawServer(case.sent)
    async with server.listening() as url, asyncio.timeout(10):
        provider = create_provider(f"{url}/v1")
        assert_told(case, *await call(provider))
        await provider.close()
    assert len(server.requests) == 1


async def test_a_stream_whose_body_never_ends_ends_at_its_end_mark() -> None:
    endless = b"HTTP/1.1 200 x\r\nContent-Type: text/event-stream\r\n\r\n" + c("Hi") + f("stop") + DONE
    server = RawServer(endless)
    async with server.listening() as url, asyncio.timeout(10):
        provider = create_provider(f"{url}/v1")
        assert await call(provider) == ("Hi", Ending(STOP, None), None)
        await server.lost.wait()
        await provider.close()


async def test_an_abandoned_answer_closes_its_connection() -> None:
    server = RawServer(b"HTTP/1.1 200 x\r\nContent-Type: text/event-stream\r\n\r\n" + c("Hi"))
    async with server.listening() as url, asyncio.timeout(10):
        provider = create_provider(f"{url}/v1")
        async with contextlib.aclosing(provider.stream(Prompt(message="Hi"), whole=True)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Text):
                    break
        await server.lost.wait()
        await provider.close()
