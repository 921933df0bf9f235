"""A chat completion's body becomes a prompt, or an error that names the member."""

import base64
from typing import Any

import pytest

from gateway.openai.bodies.chat import ChatBody
from gateway.openai.chat.prompt import chat_prompt
from gateway.openai.errors import BadParam
from gateway.openai.request.ignored_members import ignored_header
from gateway.openai.request.refused_members import refuse_unsupported
from gateway.openai.request.translated_body import TranslatedBody
from llm_relay.messages import (
    NO_OPTIONS,
    Document,
    Image,
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
from tests.support.not_plain import NOT_PLAIN

USER = {"role": "user", "content": "Hello"}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
PNG = f"data:image/png;base64,{base64.b64encode(b'png').decode()}"
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"at": 9007199254740993}'}}
ASSISTANT_CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
NAMED = {"type": "function", "function": {"name": "x"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


def translate(*messages: dict[str, Any], **members: Any) -> TranslatedBody:
    return chat_prompt(ChatBody.model_validate({"model": "m", "messages": [*messages] or [USER], **members}), "r-1")


def test_a_plain_conversation_keeps_its_turns() -> None:
    prompt = translate(
        {"role": "system", "content": "Be kind"},
        USER,
        {"role": "assistant", "content": "Hi"},
        {**USER, "content": "Bye"},
    ).prompt
    assert (prompt.context, prompt.message, prompt.parts) == ("Be kind", "Bye", ())
    assert prompt.history == (Turn(role=Role.USER, text="Hello"), Turn(role=Role.ASSISTANT, text="Hi"))
    assert (prompt.model, prompt.request_id) == ("m", "r-1")


def test_the_texts_of_an_instruction_are_lines() -> None:
    texts = [{"type": "text", "text": text} for text in ("Be kind", "Be short")]
    assert translate({"role": "system", "content": texts}, USER).prompt.context == "Be kind\nBe short"


def test_a_conversation_of_text_alone_has_no_options() -> None:
    assert translate(stream=True, temperature=1, store=True).prompt.options is NO_OPTIONS


def test_a_later_instruction_stays_where_it_is() -> None:
    prompt = translate(USER, {"role": "developer", "content": "Be short"}, USER).prompt
    assert prompt.context is None
    assert prompt.history[1] == Turn(role=Role.SYSTEM, text="Be short")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], (TextPart(text="a"), TextPart(text="b"))),
        (
            [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}],
            (TextPart(text="See"), Image(media_type="image/png", data=b"png", detail="low")),
        ),
        (
            [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
            (Image(url="https://example.com/a.png"),),
        ),
        (
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": PNG.replace("image/png", "application/pdf")}}],
            (Document(media_type="application/pdf", name="a.pdf", data=b"png"),),
        ),
    ],
)
def test_content_parts_keep_their_order(content: list[Any], parts: tuple[Any, ...]) -> None:
    prompt = translate({"role": "user", "content": content}).prompt
    assert (prompt.message, prompt.parts) == ("", parts)


def test_one_text_part_is_plain_text() -> None:
    assert translate({"role": "user", "content": [{"type": "text", "text": "Hello"}]}).prompt.message == "Hello"


def test_tool_results_and_the_users_next_message_are_one_turn() -> None:
    prompt = translate(USER, ASSISTANT_CALLS, RESULT, {**USER, "content": "And?"}, tools=[WEATHER]).prompt
    assert prompt.history[1].parts == (ToolCall(id="c1", name="weather", arguments_json='{"at": 9007199254740993}'),)
    result = ToolResult(tool_call_id="c1", content=(TextPart(text="sunny"),))
    assert prompt.parts == (result, TextPart(text="And?"))


@pytest.mark.parametrize("before", [[], [USER, {"role": "assistant", "content": "Hm"}]])
def test_instructions_at_the_end_become_the_message(before: list[dict[str, Any]]) -> None:
    prompt = translate(*before, {"role": "system", "content": "Be short"}).prompt
    assert (prompt.message, prompt.context) == ("Be short", None)


def test_empty_members_are_not_reported_as_ignored() -> None:
    assert translate({**USER, "audio": None, "annotations": []}).ignored == ()


def test_a_conversation_may_end_with_tool_results() -> None:
    assert [type(part) for part in translate(USER, ASSISTANT_CALLS, RESULT).prompt.parts] == [ToolResult]


def test_reasoning_and_refusals_are_given_back() -> None:
    signature = base64.b64encode(b"signed").decode()
    said = {
        "role": "assistant",
        "content": "Hi",
        "refusal": "No",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": signature, "id": "t", "format": "bedrock"}
        ],
    }
    parts = translate(USER, said, USER).prompt.history[1].parts
    reasoning = Reasoning(text="hm", signature=b"signed", provider="bedrock", id="t")
    assert parts == (reasoning, TextPart(text="Hi"), Refusal(text="No"))


def test_reasoning_without_details_is_text_of_no_provider_and_named_as_ignored() -> None:
    translated = translate(USER, {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}, USER)
    assert translated.prompt.history[1].parts == (Reasoning(text="hm"), TextPart(text="Hi"))
    assert translated.ignored == ("messages.reasoning_content",)


def test_options_are_translated() -> None:
    options = translate(
        tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True, "description": "d"}}],  # type: ignore[dict-item]
        tool_choice={"type": "function", "function": {"name": "weather"}},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}},
        top_p=0.5,
        stop="x",
        seed=-1,
        reasoning_effort="low",
        metadata={"team": "a"},
        user="u",
        max_cost_usd="0.0000000019",
        service_tier="flex",
    ).prompt.options
    assert options.tools == (Tool(name="weather", description="d", input_schema_json='{"type":"object"}', strict=True),)
    assert options.tool_choice == ToolChoice(name="weather", parallel=False)
    assert options.response_format == ResponseFormat(
        kind=ResponseKind.JSON_SCHEMA, name="s", schema_json='{"type":"object"}'
    )
    assert options.sampling == Sampling(top_p=0.5, stop=("x",), seed=-1)
    assert options.thinking == Thinking(effort="low")
    assert (options.tags, options.end_user, options.max_cost_nano_usd) == ({"team": "a"}, "u", 1)
    assert options.service_tier == "flex"


@pytest.mark.parametrize(
    ("usd", "nano_usd"),
    [
        (str(0.00001234), 12_340),
        ("2.5e-07", 250),
        ("1E-5", 10_000),
        (1e-05, 10_000),
        (1e-300, 0),
        ("1e-13", 0),
        ("0.00000000000000", 0),
        ("0." + "9" * 40, 999_999_999),
    ],
)
def test_money_is_rounded_down_to_a_nano_dollar(usd: float | str, nano_usd: int) -> None:
    assert translate(max_cost_usd=usd).prompt.options.max_cost_nano_usd == nano_usd


@pytest.mark.parametrize(("word", "mode"), [("none", ToolChoiceMode.NONE), ("required", ToolChoiceMode.REQUIRED)])
def test_tool_choice_names_are_translated(word: str, mode: ToolChoiceMode) -> None:
    assert translate(tools=[WEATHER], tool_choice=word).prompt.options.tool_choice == ToolChoice(mode=mode)


def test_max_completion_tokens_takes_precedence_over_max_tokens() -> None:
    assert translate(max_tokens=5, max_completion_tokens=7).prompt.max_tokens == 7
    assert translate(max_tokens=5).prompt.max_tokens == 5


def test_unknown_members_are_ignored_and_named() -> None:
    asked_for = translate({**USER, "name": "ann"}, store=True, prediction={"type": "content"}, n=1)
    assert asked_for.ignored == ("store", "prediction", "messages.name")


def test_the_names_of_ignored_members_fit_a_header() -> None:
    names = ("a", "ö", "b\r\nx: y", *(f"n{number}" for number in range(30)))
    told = ignored_header(names)
    assert told.startswith("a,?,n0,")
    assert len(told.split(",")) == 20


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({"messages": [USER, ASSISTANT_CALLS, USER]}, "messages[1]"),
        ({"messages": [USER, {**RESULT, "tool_call_id": "c9"}]}, "messages[1].tool_call_id"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"top_p": 2}, "top_p"),
        ({"tools": [{"type": "function", "function": {"name": "not a name"}}]}, "tools[0].function.name"),
        (
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "tool_choice.function.name",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"max_cost_usd": "much"}, "max_cost_usd"),
        ({"max_cost_usd": "1e999980"}, "max_cost_usd"),
        ({"max_cost_usd": "1e9999999"}, "max_cost_usd"),
        ({"max_cost_usd": "1e-9999999"}, "max_cost_usd"),
        ({"max_cost_usd": "+1e-05"}, "max_cost_usd"),
        *(({"max_cost_usd": text}, "max_cost_usd") for text in NOT_PLAIN),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[0].content[0].file.file_id",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], param: str) -> None:
    body = ChatBody.model_validate({"model": "m", "messages": [USER], **members})
    with pytest.raises(BadParam) as raised:
        chat_prompt(body, "r-1")
    assert raised.value.param == param
    assert raised.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": [{}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
    ],
)
def test_members_that_would_change_the_answer_are_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadParam) as raised:
        refuse_unsupported(body)
    assert raised.value.param == param


@pytest.mark.parametrize("body", [{"n": 1}, {"logprobs": False}, {"modalities": ["text"]}, {"tools": None}])
def test_members_that_change_nothing_pass(body: dict[str, Any]) -> None:
    refuse_unsupported(body)
