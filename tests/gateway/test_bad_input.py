"""Bad input is refused by name, at once, and the gateway goes on."""

import asyncio
import gzip
import json

import httpx2
import pytest

from gateway.requests.request_parsing import BodyLimits
from tests.support.gateways import gateway, post, socket_to
from tests.support.not_plain import NOT_PLAIN
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

MANY = 100_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "(body)"),
        (b"{", "(body)"),
        (b"[]", "(body)"),
        (b'"Hi"', "(body)"),
        (b"null", "(body)"),
        (b"NaN", "(body)"),
        (b'{"message": "Hi"} {}', "(body)"),
        (b'{"message": "\xff"}', "(body)"),
        ('{"message": "Hi"}'.encode("utf-16"), "(body)"),
        (b'{"message": "a\nb"}', "(body)"),
        (b"{'message': 'Hi'}", "(body)"),
        (b"[" * MANY, "(body)"),
        (b'{"a":' * MANY, "(body)"),
        (b'{"message": ' + b"[" * 500 + b"]" * 500 + b"}", "message"),
        (b"{}", "message"),
        (b'{"prompt": "Hi"}', "message"),
        (b'{"prompt": "Hi"}', "prompt"),
        (b'{"message": ""}', "message"),
        (b'{"message": " \\n\\u2003"}', "message"),
        (b'{"message": null}', "message"),
        (b'{"message": 1}', "message"),
        (b'{"message": NaN}', "message"),
        (b'{"message": ["Hi"]}', "message"),
        (b'{"message": "\\u0000"}', "message"),
        (b'{"message": "\\ud800"}', "message"),
        (b'{"message": "\\udc00\\ud800"}', "message"),
        (b'{"message": "Hi", "message": "Ho"}', "message"),
        (b'{"message": "Hi", "mess\\u0061ge": "Ho"}', "message"),
        (b'{"message": "Hi", "context": "\\ud83d"}', "context"),
        (b'{"message": "Hi", "context": {}}', "context"),
        (b'{"message": "Hi", "model": 4}', "model"),
        (b'{"message": "Hi", "temperature": NaN}', "temperature"),
        (b'{"message": "Hi", "temperature": Infinity}', "temperature"),
        (b'{"message": "Hi", "temperature": -Infinity}', "temperature"),
        (b'{"message": "Hi", "temperature": 1e400}', "temperature"),
        (b'{"message": "Hi", "temperature": 2.1}', "temperature"),
        (b'{"message": "Hi", "temperature": "1"}', "temperature"),
        (b'{"message": "Hi", "temperature": true}', "temperature"),
        (b'{"message": "Hi", "max_tokens": 0}', "max_tokens"),
        (b'{"message": "Hi", "max_tokens": 1.5}', "max_tokens"),
        (b'{"message": "Hi", "max_tokens": 1e400}', "max_tokens"),
        (b'{"message": "Hi", "max_tokens": ' + b"9" * MANY + b"}", "max_tokens"),
        (b'{"message": "Hi", "request_id": "no id"}', "request_id"),
        (b'{"message": "Hi", "request_id": 7}', "request_id"),
        (b'{"message": "Hi", "history": "no"}', "history"),
        (b'{"message": "Hi", "history": [NaN]}', "history[0]"),
        (b'{"message": "Hi", "history": [{"role": "user"}]}', "history[0]"),
        (b'{"message": "Hi", "history": [{"role": "user", "text": "a", "text": "b"}]}', "text"),
        (b'{"message": "Hi", "history": [{"role": "cat", "text": "a"}]}', "history[0].role"),
        (b'{"message": "Hi", "history": [{"role": "user", "text": "\\ud800"}]}', "history[0].text"),
        (b'{"message": "Hi", "stream": true}', "stream"),
        (b'{"message": "Hi", "maxTokens": 1}', "maxTokens"),
        (b'{"message": "Hi", "__proto__": {}}', "__proto__"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else value,
)
async def test_a_bad_body_is_refused_by_the_name_of_its_field(
    alone: httpx2.AsyncClient, body: bytes, field: str
) -> None:
    async with socket_to(alone) as socket:
        await socket.send(post("/process", body))
        reply = await socket.reply()
    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.document["reason"] == "INVALID_REQUEST"
    assert field in [one["field"] for one in reply.document["errors"]]


async def test_a_byte_order_mark_before_a_body_is_skipped() -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", content='{"message": "Hi"}'.encode("utf-8-sig"))
    assert response.json()["aiResponse"] == "Hello"


async def test_a_body_in_utf_16_is_refused_by_its_encoding(alone: httpx2.AsyncClient) -> None:
    response = await alone.post("/process", content='{"message": "Hi"}'.encode("utf-16"))
    assert response.status_code == 422
    assert response.json()["detail"] == "(body): is UTF-16: send it as UTF-8"


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_body_that_is_parsed_in_a_thread_is_read_like_any_other(route: str) -> None:
    provider = ScriptedProvider()
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        good = await client.post(route, json={"message": "x" * 1_000_000})
        bad = await client.post(route, json={"message": "", "context": "x" * 1_000_000})
    assert good.status_code == 200
    assert len(provider.tries[0].prompt.message) == 1_000_000
    assert bad.json()["errors"] == [{"field": "message", "detail": "must not be blank"}]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({f"field{number}": number for number in range(MANY)}),
        json.dumps({"message": "Hi", "history": list(range(MANY))}),
        json.dumps({"message": "Hi", "history": [{"role": "cat", "text": ""}] * MANY}),
        '{"message": "Hi", ' + ", ".join(f'"field{number}": 1' for number in range(MANY)) + ', "field1": 1}',
    ],
    ids=["unknown names", "wrong types", "wrong turns", "one name twice among many"],
)
async def test_very_many_faults_give_a_short_answer(alone: httpx2.AsyncClient, body: str) -> None:
    response = await alone.post("/process", content=body)
    assert response.status_code == 422
    assert len(response.json()["errors"]) <= 20
    assert len(response.content) < 10_000


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""])
async def test_json_is_accepted_under_any_content_type(content_type: str) -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", content=b'{"message": "Hi"}', headers={"Content-Type": content_type})
    assert response.json()["aiResponse"] == "Hello"


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "zstd"])
@pytest.mark.parametrize("route", ["/process", "/stream", "/v1/chat/completions", "/v1/responses"])
async def test_a_compressed_body_is_refused_by_its_header(alone: httpx2.AsyncClient, route: str, coding: str) -> None:
    body = gzip.compress(b'{"message": "Hi"}')
    response = await alone.post(route, content=body, headers={"Content-Encoding": coding})
    assert response.status_code in (400, 422)
    assert "Content-Encoding: must be identity: send the body uncompressed" in response.text


@pytest.mark.parametrize("coding", ["identity", "utf-8", "gzip"])
async def test_plain_json_is_accepted_whatever_encoding_its_header_names(coding: str) -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", content=b'{"message": "Hi"}', headers={"Content-Encoding": coding})
    assert response.json()["aiResponse"] == "Hello"


FIFTY_MB = 50 * 1024 * 1024
LIMIT = 4 * 1024 * 1024 * 4 // 3 + 64 * 1024
PART = b"x" * 65_536
CHUNK = b"10000\r\n" + PART + b"\r\n"


@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_body_announced_too_large_is_refused_before_it_arrives(alone: httpx2.AsyncClient, route: str) -> None:
    async with socket_to(alone) as socket:
        await socket.send(f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {FIFTY_MB}\r\n\r\n".encode())
        reply = await socket.reply()
    assert (reply.status, reply.document["reason"]) == (413, "TOO_LARGE")
    assert str(LIMIT) in reply.document["detail"]


async def test_a_client_that_sends_all_of_a_too_large_body_gets_the_answer_and_can_call_again(
    alone: httpx2.AsyncClient,
) -> None:
    async with socket_to(alone) as socket:
        await socket.send(f"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: {FIFTY_MB}\r\n\r\n".encode())
        for _ in range(FIFTY_MB // len(PART)):
            await socket.send(PART)
        assert (await socket.reply()).status == 413
        await socket.send(post("/process", b"{}"))
        assert (await socket.reply()).status == 422


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(alone: httpx2.AsyncClient) -> None:
    async with socket_to(alone) as socket:
        await socket.send(b"POST /process HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(LIMIT // len(PART) + 2):
            await socket.send(CHUNK)
        reply = await socket.reply()  # although the body continues
        assert (reply.status, reply.document["reason"]) == (413, "TOO_LARGE")
        for _ in range(FIFTY_MB // len(PART)):
            await socket.send(CHUNK)
        await socket.send(b"0\r\n\r\n" + post("/process", b"{}"))
        assert (await socket.reply()).status == 422


async def test_a_client_that_waits_for_100_continue_is_refused_instead(alone: httpx2.AsyncClient) -> None:
    head = f"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: {FIFTY_MB}\r\nExpect: 100-continue\r\n\r\n"
    async with socket_to(alone) as socket:
        await socket.send(head.encode())
        assert (await socket.reply()).status == 413


async def test_a_body_may_be_a_third_larger_than_max_message_bytes_and_64_kib() -> None:
    limit = 2048 * 4 // 3 + 64 * 1024
    body = b'{"message": "' + b"x" * 1500 + b'"}'
    async with (
        serving(ScriptedProvider()) as server_b,
        gateway(server_b.target, max_message_bytes=2048) as client,
    ):
        assert (await client.post("/process", content=body.ljust(limit))).status_code == 200
        assert (await client.post("/process", content=body.ljust(limit + 1))).status_code == 413


async def test_a_text_over_max_message_bytes_is_too_large_though_its_body_is_not() -> None:
    async with serving(ScriptedProvider()) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", json={"message": "x" * 5_000_000})
    assert (response.status_code, response.json()["reason"]) == (413, "TOO_LARGE")


async def test_a_message_over_server_bs_own_limit_is_too_large() -> None:
    async with serving(ScriptedProvider(), max_message_bytes=2048) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", json={"message": "x" * 4096})
    assert (response.status_code, response.json()["reason"]) == (413, "TOO_LARGE")


async def test_a_slow_body_meets_the_deadline(alone: httpx2.AsyncClient) -> None:
    async with socket_to(alone) as socket:
        await socket.send(
            b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nX-Request-Timeout: 0.1\r\n\r\n{"
        )
        reply = await socket.reply()
    assert (reply.status, reply.document["reason"]) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize("patience", ["", "X-Request-Timeout: 86400\r\n"])
@pytest.mark.parametrize("route", ["/process", "/stream"])
async def test_a_slow_body_is_given_up_whatever_the_deadline(route: str, patience: str) -> None:
    head = f"POST {route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n{patience}\r\n{{"
    async with gateway(body_timeout_s=0.05) as client, socket_to(client) as socket:
        await socket.send(head.encode())
        reply = await socket.reply()
        assert await socket.closed() == b""
    assert (reply.status, reply.document["status"], reply.document["reason"]) == (408, 408, "DEADLINE_EXCEEDED")


def test_a_body_may_take_15_seconds() -> None:
    assert BodyLimits(max_bytes=1).timeout_s == 15


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02 nonsense\r\n\r\n",
        b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
    ids=["no HTTP", "negative length", "endless length"],
)
async def test_bytes_that_are_not_http_are_refused_and_closed(alone: httpx2.AsyncClient, data: bytes) -> None:
    async with socket_to(alone) as socket:
        await socket.send(data)
        assert (await socket.head()).status == 400
        await socket.closed()
    assert (await alone.post("/process", content=b"{}")).status_code == 422


async def test_a_head_without_end_is_cut_off(alone: httpx2.AsyncClient) -> None:
    async with socket_to(alone) as socket:
        with pytest.raises(ConnectionError):
            await socket.send(b"x" * FIFTY_MB)
    assert (await alone.post("/process", content=b"{}")).status_code == 422


async def test_many_bad_requests_at_once_leave_the_gateway_alive(alone: httpx2.AsyncClient) -> None:
    responses = await asyncio.gather(*(alone.post("/process", content=b"[" * MANY) for _ in range(20)))
    assert [response.status_code for response in responses] == [422] * 20


@pytest.mark.parametrize("text", NOT_PLAIN)
async def test_a_count_in_a_query_is_written_in_plain_digits(alone: httpx2.AsyncClient, text: str) -> None:
    answer = await alone.get("/calls", params={"limit": text})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "limit: must be a whole number in plain digits, such as 50"


@pytest.mark.parametrize("text", ["2026", "1795696200", "1e9", *NOT_PLAIN])
@pytest.mark.parametrize(("route", "name"), [("/usage", "since"), ("/calls", "until")])
async def test_a_time_in_a_query_is_no_number(alone: httpx2.AsyncClient, route: str, name: str, text: str) -> None:
    answer = await alone.get(route, params={name: text})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{name}: must be a date or a time, such as 2026-11-26 or ")


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/calls?limit=0", "limit: must be 1 or more"),
        ("/calls?limit=1001", "limit: must be 1000 or less"),
        ("/calls?state=closed", "state: must be open, settled, lost or refused"),
        ("/calls?unknown=maybe", "unknown: must be true or false"),
        ("/usage?format=xml", "format: must be json or csv"),
        ("/usage?colour=red", "colour: is not known"),
        (f"/usage?{'x' * 1000}=1", f"{'x' * 40}: is not known"),
    ],
)
async def test_a_bad_parameter_is_refused_in_plain_words(alone: httpx2.AsyncClient, path: str, detail: str) -> None:
    response = await alone.get(path)
    assert (response.status_code, response.json()["detail"]) == (422, detail)
