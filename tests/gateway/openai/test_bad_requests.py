"""Invalid requests: the status, the name of the bad member, and never its value."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from llm_relay.errors import PROMPT_TOO_LONG, ProviderRejected, Unsupported
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
USER = {"role": "user", "content": "Hello"}
SECRET = "canary"
ABSENT: Any = object()
CALLING = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}
NO_LISTS: list[Any] = [5, 1.5, True, "message.output_text.logprobs", {}]
WEATHER = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        yield client


def says(content: Any, **members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content, **members}]}


def thinking(**fields: str) -> dict[str, Any]:
    """Returns an assistant message with a block of reasoning."""
    return {"role": "assistant", "content": "Hi", "reasoning_details": [{"type": "reasoning.text", **fields}]}


NO_DATA_URLS = [
    "data:x",
    "data:image/png,plain",
    "data:;base64,AAAA",
    "data:image/png;base64,AA*AA",
    "data:image/png;base64,AAA",
]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ABSENT}, "model"),
        ({"model": 5}, "model"),
        ({"messages": ABSENT}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": SECRET}, "messages"),
        ({"messages": [USER, {"role": "assistant", "content": "Hi"}]}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [USER, {"role": SECRET, "content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (says(None), "messages[0].content"),
        (says(5), "messages[0].content"),
        (says(""), "messages[0].content"),
        (says([]), "messages[0].content"),
        (says([{"type": SECRET}]), "messages[0].content[0].type"),
        (says([{"type": "text"}]), "messages[0].content[0].text"),
        *(
            (says([{"type": "image_url", "image_url": {"url": url}}]), "messages[0].content[0].image_url.url")
            for url in NO_DATA_URLS
        ),
        *(
            (says([{"type": "file", "file": {"file_data": url}}]), "messages[0].content[0].file.file_data")
            for url in NO_DATA_URLS
        ),
        *(
            ({"messages": [USER, thinking(**fields), USER]}, f"messages[1].reasoning_details[0].{name}")
            for name in ("signature", "data")
            for fields in ({name: "c2ln*"}, {name: "c2l"})
        ),
        (says([{"type": "input_audio", "input_audio": {}}]), "messages[0].content[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [USER, {"role": "tool", "content": "x", "tool_call_id": "c"}]}, "messages[1].tool_call_id"),
        ({"messages": [USER, CALLING, USER]}, "messages[1]"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"seed": 1.5}, "seed"),
        ({"frequency_penalty": 3}, "frequency_penalty"),
        ({"stop": [1]}, "stop[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type"),
        ({"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"user": "x" * 257}, "user"),
        ({"safety_identifier": "x" * 257}, "safety_identifier"),
        ({"max_cost_usd": "x"}, "max_cost_usd"),
        *(({name: value}, name) for name, value in (("n", 2), ("n", True), ("logprobs", True), ("top_logprobs", 1))),
        *(({name: value}, name) for name, value in (("audio", {"voice": "x"}), ("modalities", ["text", "audio"]))),
        *(({name: value}, name) for name, value in (("functions", [{}]), ("function_call", "auto"))),
        ({"web_search_options": {}}, "web_search_options"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_chat_completion_names_the_bad_member(
    http: httpx2.AsyncClient, members: dict[str, Any], param: str, stream: bool
) -> None:
    body = {"model": "m", "messages": [USER], "stream": stream, **members}
    await _refused(http, CHAT, body, param)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": ABSENT}, "model"),
        ({"input": ABSENT}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"type": SECRET}]}, "input[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, "input[0].call_id"),
        ({"previous_response_id": "x"}, "previous_response_id"),
        ({"conversation": "x"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "x"}}, "prompt"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        *(({"include": value}, "include") for value in NO_LISTS),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"user": "x" * 257}, "user"),
    ],
)
async def test_a_response_names_the_bad_member(http: httpx2.AsyncClient, members: dict[str, Any], param: str) -> None:
    await _refused(http, RESPONSES, {"model": "m", "input": "Hello", **members}, param)


async def _refused(http: httpx2.AsyncClient, path: str, body: dict[str, Any], param: str) -> None:
    sent = {name: value for name, value in body.items() if value is not ABSENT}
    answer = await http.post(path, json=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param), error
    assert error["message"].startswith(f"{param}: ")
    assert SECRET not in answer.text
    assert "tool_result" not in answer.text
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-relay-origin"] == "relay"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_number_that_is_too_large_is_refused_in_a_schema(http: httpx2.AsyncClient, path: str) -> None:
    function = b'"name": "a", "parameters": {"maximum": 1e400}'
    tool = function if path == RESPONSES else b'"function": {%b}' % function
    said = b'"messages": [{"role": "user", "content": "Hi"}], "input": "Hi"'
    answer = await http.post(path, content=b'{"model": "m", %b, "tools": [{"type": "function", %b}]}' % (said, tool))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "tools")
    assert error["message"] == "tools: must not contain NaN or infinity"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", CHAT, b"{bad", 400),
        ("POST", CHAT, b"", 400),
        ("POST", CHAT, b"[]", 400),
        ("POST", CHAT, b"\xff", 400),
        ("GET", CHAT, b"", 405),
        ("DELETE", RESPONSES, b"", 405),
        ("POST", "/v1/embeddings", b"{}", 404),
        ("POST", "/chat/completions/", b"{}", 404),
        ("GET", "/v1/models/a/b:c", b"", 404),
        ("GET", "/v1", b"", 404),
    ],
)
async def test_malformed_requests_have_an_error_of_openais_shape_too(
    http: httpx2.AsyncClient, method: str, path: str, body: bytes, status: int
) -> None:
    answer = await http.request(method, path, content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (status, "invalid_request_error", None)
    assert error["message"]
    assert error["code"]


async def test_a_key_that_was_used_for_another_request_is_named_by_its_header(http: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    first = {"model": "m", "messages": [USER]}
    answers = [await http.post(CHAT, json=first, headers=headers) for _ in range(2)]
    assert answers[0].json()["choices"] == answers[1].json()["choices"]
    other = await http.post(CHAT, json={**first, **says("Bye")}, headers=headers)
    assert (other.status_code, other.json()["error"]["param"]) == (400, "Idempotency-Key")


async def test_a_prompt_that_is_too_long_has_openais_code() -> None:
    provider = ScriptedProvider([ProviderRejected("too long", cause=PROMPT_TOO_LONG)])
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        answer = await http.post(CHAT, json={"model": "m", "messages": [USER]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(("path", "name"), [(CHAT, "messages"), (RESPONSES, "input")])
async def test_an_unsupported_result_is_named_by_the_member_with_its_content(path: str, name: str) -> None:
    provider = ScriptedProvider([Unsupported.of_field("parts[0].tool_result.content", "not supported")])
    called = {"type": "function_call", "call_id": "c", "name": "w", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x"}
    bodies: dict[str, dict[str, Any]] = {
        CHAT: {"messages": [USER, CALLING, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
        RESPONSES: {"input": [USER, called, result]},
    }
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        answer = await http.post(path, json={"model": "m", **bodies[path]})
    member = "content" if path == CHAT else "output"
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, f"{name}[2].{member}")
