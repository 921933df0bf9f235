"""Bodies that real programs send: members without effect are accepted, members whose loss matters are refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.responses.prompt import responses_prompt
from llm_relay.messages import TextPart
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
USER = {"role": "user", "content": "Hello"}
CALLS = [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
RESULT = {"role": "tool", "tool_call_id": "c", "content": "sunny"}
TOOL = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        yield client


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, {"role": "assistant", "content": " "}, USER],
        [USER, {"role": "assistant", "content": [text("\n")]}, USER],
        [USER, {"role": "assistant", "content": "\n\n", "tool_calls": CALLS}, RESULT],
        [USER, {"role": "assistant", "content": [], "tool_calls": CALLS}, RESULT],
        [USER, {"role": "assistant", "content": None, "tool_calls": CALLS}, {**RESULT, "content": ""}],
        [USER, {"role": "assistant", "content": None, "tool_calls": CALLS}, {**RESULT, "content": [text("x"), PIXEL]}],
        [{"role": "user", "content": [text(" "), text("Hello")]}],
        [{"role": "user", "content": [text("\n"), PIXEL]}],
        [{"role": "system", "content": " "}, USER],
        [USER, {"role": "assistant", "content": "Hi"}, {"role": "developer", "content": "\n"}, USER],
    ],
)
async def test_blank_text_parts_are_dropped(http: httpx2.AsyncClient, messages: list[Any]) -> None:
    answer = await http.post(CHAT, json={"model": "m", "messages": messages, "tools": [TOOL]})
    assert answer.status_code == 200, answer.text
    assert "x-relay-ignored" not in answer.headers


@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_blanks_between_two_texts_stay(role: str) -> None:
    pieces = [{"type": "input_text", "text": piece} for piece in ("\n", "One.", "\n\n", "Two.", " ")]
    given = [{"role": role, "content": pieces}, USER] if role != "user" else [{"role": role, "content": pieces}]
    prompt = responses_prompt(ResponsesBody.model_validate({"model": "m", "input": given}), "r-1").prompt
    said = "".join(part.text for part in prompt.parts if isinstance(part, TextPart))
    assert (said or prompt.context or "").strip() == "One.\n\nTwo."


def calls(*ids: str) -> list[dict[str, str]]:
    return [{"type": "function_call", "call_id": one, "name": "w", "arguments": "{}"} for one in ids]


def answers(*ids: str) -> list[dict[str, str]]:
    return [{"type": "function_call_output", "call_id": one, "output": one} for one in ids]


NOTE = {"role": "developer", "content": "Note"}
HURRY = {"role": "user", "content": "Hurry"}


@pytest.mark.parametrize(
    "items",
    [
        [*calls("a"), HURRY, *answers("a")],
        [*calls("a"), HURRY, HURRY, *answers("a"), USER],
        [*calls("a"), NOTE, HURRY, *answers("a")],
        [*calls("a"), NOTE, *answers("a")],
        [*calls("a", "b"), *answers("a"), NOTE, *answers("b"), USER],
        [*calls("a", "b"), *answers("b"), HURRY, *answers("a")],
        [*calls("a"), HURRY, *answers("a"), *calls("b"), HURRY, *answers("b")],
    ],
)
async def test_messages_between_a_call_and_its_result_are_accepted(http: httpx2.AsyncClient, items: list[Any]) -> None:
    answer = await http.post(RESPONSES, json={"model": "m", "input": [USER, *items]})
    assert answer.status_code == 200, answer.text


def test_results_come_before_what_the_user_said_while_the_tools_ran() -> None:
    given = [USER, *calls("a", "b"), HURRY, *answers("b"), HURRY, *answers("a")]
    prompt = responses_prompt(ResponsesBody.model_validate({"model": "m", "input": given}), "r-1").prompt
    assert [type(part).__name__ for part in prompt.parts] == ["ToolResult", "ToolResult", "TextPart", "TextPart"]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"content": None, "function_call": {"name": "x", "arguments": "{}"}}, "messages[1].function_call"),
        ({"content": "Hi", "audio": {"id": "audio_1"}}, "messages[1].audio"),
    ],
)
async def test_members_of_an_earlier_answer_are_not_lost(
    http: httpx2.AsyncClient, message: dict[str, Any], param: str
) -> None:
    answer = await http.post(CHAT, json={"model": "m", "messages": [USER, {"role": "assistant", **message}, USER]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"background": False, "truncation": "disabled", "top_logprobs": 0, "store": False, "include": []}, None),
        ({"truncation": "auto"}, "truncation"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options"),
    ],
)
async def test_values_that_match_the_relays_behaviour_are_not_reported_as_ignored(
    http: httpx2.AsyncClient, members: dict[str, Any], told: str | None
) -> None:
    answer = await http.post(RESPONSES, json={"model": "m", "input": "Hello", **members})
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("x-relay-ignored") == told


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}]}, "image_url"),
        ({"tools": [5]}, "tools[0]"),
        ({"stream_options": "usage"}, "stream_options"),
        ({"metadata": 5}, "metadata"),
    ],
)
async def test_a_value_that_must_be_an_object_is_refused_by_name(
    http: httpx2.AsyncClient, members: dict[str, Any], param: str
) -> None:
    answer = await http.post(CHAT, json={"model": "m", "messages": [USER], **members})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"].endswith(param)
    assert error["message"] == f"{error['param']}: must be a JSON object"
