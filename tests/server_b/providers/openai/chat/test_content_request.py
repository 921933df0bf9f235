"""Prompts with more than text, in the form of chat completions."""

import base64
from typing import Any

import orjson
import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import (
    CachePoint,
    Document,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    ResponseFormat,
    ResponseKind,
    Role,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from server_b.providers.base import Defaults
from server_b.providers.openai.chat.request import request_body
from server_b.providers.openai.chat.unsupported import chat_faults
from server_b.providers.openai.refused_defaults import NOTHING
from server_b.providers.openai.request.unsupported_fields import refuse_first

DEFAULTS = Defaults(temperature=0.7, max_tokens=100)
SCHEMA = '{"type": "object", "x": 12345678901234567890123}'
CALL = ToolCall(id="c1", name="weather", arguments_json='{ "n":1.10 }')
RESULT = ToolResult(tool_call_id="c1", content=(TextPart(text="sunny"),))
PNG = f"data:image/png;base64,{base64.b64encode(b'png').decode()}"


def sent(prompt: Prompt, *, is_vendor: bool = True) -> dict[str, Any]:
    """Returns the body that is sent, parsed again."""
    body: dict[str, Any] = orjson.loads(orjson.dumps(request_body(prompt, "m", DEFAULTS, NOTHING, is_vendor=is_vendor)))
    return body


def messages(*history: Turn, parts: tuple[Part, ...] = (), message: str = "And now?") -> list[Any]:
    found: list[Any] = sent(Prompt(message=message, history=history, parts=parts))["messages"]
    return found


def assistant(*parts: Part) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=parts)


def test_results_come_before_the_message_and_each_is_a_message() -> None:
    history = (Turn(role=Role.USER, text="Weather?"), assistant(TextPart(text="I look"), CALL))
    assert messages(*history, parts=(TextPart(text="more"), RESULT)) == [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "I look",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{ "n":1.10 }'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "user", "content": [{"type": "text", "text": "And now?"}, {"type": "text", "text": "more"}]},
    ]


def test_a_prompt_of_results_alone_is_sent() -> None:
    found = messages(assistant(CALL), parts=(RESULT,), message="")
    assert [one["role"] for one in found] == ["assistant", "tool"]
    assert found[0]["content"] is None


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (ToolResult(tool_call_id="c1", structured_json='{"a":1}'), '{"a":1}'),
        (ToolResult(tool_call_id="c1", content=(TextPart(text="no"),), is_error=True), "Error: no"),
        (ToolResult(tool_call_id="c1"), ""),
        (ToolResult(tool_call_id="c1", content=(TextPart(text="one"),), structured_json="1"), "one\n1"),
        (ToolResult(tool_call_id="c1", content=(TextPart(text="[1]"),), structured_json="[1]"), "[1]"),
    ],
)
def test_a_result_is_sent_as_text(result: ToolResult, text: str) -> None:
    assert messages(assistant(CALL), parts=(result,), message="")[-1]["content"] == text


def test_an_assistants_turn_that_becomes_empty_is_no_message() -> None:
    found = messages(assistant(Reasoning(text="hm", provider="openai")))
    assert [one["role"] for one in found] == ["user"]


def test_images_and_files_are_content() -> None:
    image = Image(media_type="image/png", data=b"png", detail="low")
    link = Image(url="https://example.com/a.png")
    pdf = Document(media_type="application/pdf", name="a.pdf", data=b"png")
    assert messages(parts=(image, link, pdf))[-1]["content"] == [
        {"type": "text", "text": "And now?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PNG.replace("image/png", "application/pdf")}},
    ]


def test_reasoning_goes_back_to_its_server_only_within_a_loop_of_calls() -> None:
    own, other = Reasoning(text="hm", provider="openai"), Reasoning(text="ah", provider="bedrock", signature=b"s")
    assert messages(assistant(own, other, CALL), parts=(RESULT,))[0]["reasoning_content"] == "hm"
    assert "reasoning_content" not in messages(assistant(own, TextPart(text="Hi")))[0]


def test_refusals_and_signatures_go_back() -> None:
    found = messages(assistant(Refusal(text="No")), Turn(role=Role.USER, text="?"))
    assert found[0] == {"role": "assistant", "content": None, "refusal": "No"}
    signed = ToolCall(id="c1", name="weather", signature=b"c2ln")
    call = messages(assistant(signed), parts=(RESULT,))[0]["tool_calls"][0]
    assert call["extra_content"] == {"google": {"thought_signature": "c2ln"}}


def test_system_turns_stay_in_their_place() -> None:
    found = messages(Turn(role=Role.USER, text="Hi"), Turn(role=Role.SYSTEM, text="Be short"))
    assert [one["role"] for one in found] == ["user", "system", "user"]


def test_instructions_between_a_call_and_its_result_follow_the_result() -> None:
    notes = (Turn(role=Role.SYSTEM, text="Be brief."), Turn(role=Role.SYSTEM, text="Be kind."))
    sent_messages = messages(Turn(role=Role.USER, text="Weather?"), assistant(CALL), *notes, parts=(RESULT,))
    assert [(one["role"], one["content"]) for one in sent_messages] == [
        ("user", "Weather?"),
        ("assistant", None),
        ("tool", "sunny"),
        ("system", "Be brief."),
        ("system", "Be kind."),
        ("user", "And now?"),
    ]


def test_options_are_members_of_the_body() -> None:
    options = Options(
        tools=(Tool(name="weather", description="Tells", input_schema_json=SCHEMA, strict=True),),
        tool_choice=ToolChoice(mode=ToolChoiceMode.REQUIRED, parallel=False),
        response_format=ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json=SCHEMA, strict=True),
        sampling=Sampling(top_p=0.5, stop=("x",), seed=7, frequency_penalty=1, presence_penalty=-1),
        thinking=Thinking(effort="low"),
        service_tier="flex",
        end_user="u",
        tags={"team": "a"},
        provider_options={"openai": '{"verbosity": "low", "logit_bias": {"1": 2}}', "bedrock": '{"x": 1}'},
    )
    raw = orjson.dumps(request_body(Prompt(message="Hi", options=options), "m", DEFAULTS, NOTHING))
    assert raw.count(SCHEMA.encode()) == 2  # exactly as given
    body = sent(Prompt(message="Hi", options=options))
    assert body["tools"][0]["function"]["strict"] is True
    expected = {
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "top_p": 0.5,
        "stop": ["x"],
        "seed": 7,
        "frequency_penalty": 1,
        "presence_penalty": -1,
        "reasoning_effort": "low",
        "service_tier": "flex",
        "safety_identifier": "u",
        "verbosity": "low",
        "logit_bias": {"1": 2},
    }
    assert {name: body[name] for name in expected} == expected
    assert body["response_format"]["json_schema"]["name"] == "answer"
    assert "tags" not in body
    other = sent(Prompt(message="Hi", options=options), is_vendor=False)
    assert (other["user"], "safety_identifier" in other, "verbosity" in other) == ("u", False, False)


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice(name="weather"), {"type": "function", "function": {"name": "weather"}}),
        (ToolChoice(mode=ToolChoiceMode.NONE), "none"),
        (ToolChoice(), "auto"),
    ],
)
def test_a_tool_choice_is_a_keyword_or_a_tool(choice: ToolChoice, wire: object) -> None:
    tools = (Tool(name="weather", input_schema_json="{}"),)
    assert sent(Prompt(message="Hi", options=Options(tools=tools, tool_choice=choice)))["tool_choice"] == wire


def test_json_without_a_schema_is_an_object() -> None:
    options = Options(response_format=ResponseFormat(kind=ResponseKind.JSON))
    assert sent(Prompt(message="Hi", options=options))["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        (Prompt(message="Hi", parts=(CachePoint(),)), r"parts\[0\]\.cache_point"),
        (Prompt(message="Hi", parts=(Image(url="https://example.com/a.png"),)), r"parts\[0\]\.image\.url"),
        (Prompt(message="Hi", parts=(Document(url="https://example.com/a.pdf"),)), r"parts\[0\]\.document\.url"),
        (
            Prompt(message="Hi", history=(assistant(TextPart(text="x"), Image(media_type="image/png", data=b"png")),)),
            r"history\[0\]\.parts\[1\]\.image",
        ),
        (Prompt(message="Hi", options=Options(thinking=Thinking(max_tokens=5))), r"options\.thinking\.max_tokens"),
        (
            Prompt(
                message="",
                history=(assistant(CALL),),
                parts=(ToolResult(tool_call_id="c1", content=(Image(media_type="image/png", data=b"png"),)),),
            ),
            r"parts\[0\]\.tool_result\.content",
        ),
    ],
)
def test_an_unsupported_field_is_refused_by_name(prompt: Prompt, field: str) -> None:
    with pytest.raises(Unsupported, match=rf"^{field}: not supported by openai"):
        refuse_first(chat_faults(prompt, fetches_urls=False))
