"""Prompts with content from JSON: every kind of part and option, and every bad one by its name in JSON."""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from llm_relay.documents import RawJson, parse_json, prompt_from_arguments, prompt_from_document
from llm_relay.documents.parts.part_writing import part_document
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest
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
from tests.support.prompts import prompts

SECRET = "sk-live-0123456789"
PNG = base64.b64encode(b"png").decode()
CALL = {"tool_call": {"id": "c1", "name": "look_up", "arguments": {"n": 1}}}
NO_TEXTS: list[Any] = [[], {}, ["a"], 0, False, 5]
ASKED = [{"role": "assistant", "parts": [CALL]}]
RESULT = {"tool_result": {"tool_call_id": "c1"}}


def read(**document: Any) -> Prompt:
    return prompt_from_document({"message": "Hi", **document})


def fields_refused(**document: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        read(**document)
    assert SECRET not in str(refused.value)
    return [violation.field for violation in refused.value.violations]


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"text": "Hi"}, TextPart(text="Hi")),
        ({"image": {"media_type": "image/png", "data": PNG}}, Image(media_type="image/png", data=b"png")),
        (
            {"image": {"url": "https://example.com/a.png", "detail": "low"}},
            Image(url="https://example.com/a.png", detail="low"),
        ),
        ({"image": {"url": f"data:image/png;base64,{PNG}"}}, Image(media_type="image/png", data=b"png")),
        ({"image": {"url": f"DATA:image/png;x=1;BASE64,{PNG}"}}, Image(media_type="image/png", data=b"png")),
        (
            {"image": {"url": f"data:image/png;base64,{PNG}", "media_type": "image/png", "data": None}},
            Image(media_type="image/png", data=b"png"),
        ),
        (
            {"document": {"url": "data:text/plain,a%20b", "name": "a.txt"}},
            Document(media_type="text/plain", data=b"a b", name="a.txt"),
        ),
        (
            {"document": {"media_type": "application/pdf", "data": PNG}},
            Document(media_type="application/pdf", data=b"png"),
        ),
        ({"cache_point": {}}, CachePoint()),
        ({"cache_point": {"ttl_seconds": 300}}, CachePoint(ttl_s=300)),
        ({"text": "Hi", "image": None}, TextPart(text="Hi")),
    ],
)
def test_a_part_of_the_user_is_read(document: dict[str, Any], part: Part) -> None:
    assert read(parts=[document]).parts == (part,)
    assert read(history=[{"role": "user", "parts": [document]}]).history[0].parts == (part,)


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"refusal": "No."}, Refusal(text="No.")),
        (
            {"reasoning": {"text": "", "signature": PNG, "redacted": PNG, "provider": "bedrock", "id": "r"}},
            Reasoning(signature=b"png", redacted=b"png", provider="bedrock", id="r"),
        ),
    ],
)
def test_a_part_of_the_model_is_read(document: dict[str, Any], part: Part) -> None:
    assert read(history=[{"role": "assistant", "text": None, "parts": [document]}]).history[0].parts == (part,)


@pytest.mark.parametrize(
    ("members", "arguments"),
    [
        ({"arguments": {"b": 9007199254740993, "a": 1}}, '{"b":9007199254740993,"a":1}'),
        ({"arguments": RawJson('{"b":  1.0}')}, '{"b":  1.0}'),
        ({"arguments": RawJson("null")}, "{}"),
        ({"arguments": None}, "{}"),
        ({}, "{}"),
        ({"arguments_text": "not json"}, "not json"),
        ({"arguments_text": ""}, "{}"),
        ({"arguments": "text"}, '"text"'),
    ],
)
def test_the_arguments_of_a_call_are_kept(members: dict[str, Any], arguments: str) -> None:
    call = {"id": "c1", "name": "f", "signature": PNG, **members}
    prompt = read(history=[{"role": "assistant", "parts": [{"tool_call": call}]}], parts=[RESULT])
    assert prompt.history[0].parts == (ToolCall(id="c1", name="f", arguments_json=arguments, signature=b"png"),)


def test_a_tool_result_is_read() -> None:
    content = [{"text": ""}, {"image": {"media_type": "image/png", "data": PNG}}]
    result = {"tool_call_id": "c1", "content": content, "structured": {"n": 1}, "is_error": True}
    assert read(history=ASKED, parts=[{"tool_result": result}]).parts == (
        ToolResult(
            tool_call_id="c1",
            content=(TextPart(text=""), Image(media_type="image/png", data=b"png")),
            structured_json='{"n":1}',
            is_error=True,
        ),
    )


def test_all_options_are_read() -> None:
    prompt = read(
        tools=[
            {"name": "f", "input_schema": {"type": "object"}},
            {"name": "g", "description": "G", "input_schema": {}, "strict": True},
        ],
        tool_choice={"name": "g", "parallel": False},
        response_format={"kind": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False},
        sampling={"top_p": 0.5, "stop": ["x"], "seed": 5.0, "frequency_penalty": 1, "presence_penalty": -1},
        thinking={"effort": "low", "max_tokens": 5},
        tags={"team": "a", "arguments": RawJson('"b"')},
        provider_options={"openai": {"logit_bias": {"1": 2}}},
        service_tier="flex",
        max_cost_usd=0.1,
        end_user="u",
    )
    assert prompt.options == Options(
        tools=(
            Tool(name="f", input_schema_json='{"type":"object"}'),
            Tool(name="g", description="G", input_schema_json="{}", strict=True),
        ),
        tool_choice=ToolChoice(name="g", parallel=False),
        response_format=ResponseFormat(
            kind=ResponseKind.JSON_SCHEMA, name="n", schema_json='{"type":"object"}', strict=False
        ),
        sampling=Sampling(top_p=0.5, stop=("x",), seed=5, frequency_penalty=1, presence_penalty=-1),
        thinking=Thinking(effort="low", max_tokens=5),
        tags={"team": "a", "arguments": "b"},
        provider_options={"openai": '{"logit_bias":{"1":2}}'},
        service_tier="flex",
        max_cost_nano_usd=100_000_000,
        end_user="u",
    )


def test_null_is_the_same_as_absent() -> None:
    names = ("parts", "tools", "tool_choice", "response_format", "sampling", "thinking", "tags", "provider_options")
    absent = dict.fromkeys((*names, "service_tier", "max_cost_usd", "end_user"))
    assert read(**absent) == Prompt(message="Hi")
    nulls = {"mode": "none", "name": None, "parallel": None}
    assert read(tool_choice=nulls).options.tool_choice == ToolChoice(mode=ToolChoiceMode.NONE)


@pytest.mark.parametrize("name", ["MODE_NONE", "none"])
def test_the_names_of_the_contracts_enums_are_known_too(name: str) -> None:
    assert read(tool_choice={"mode": name}).options.tool_choice == ToolChoice(mode=ToolChoiceMode.NONE)
    assert read(response_format={"kind": "KIND_JSON"}).options.response_format == ResponseFormat(kind=ResponseKind.JSON)
    assert read(history=[{"role": "ROLE_SYSTEM", "text": "a"}]).history[0].role is Role.SYSTEM


@pytest.mark.parametrize(
    ("usd", "nano_usd"),
    [
        (0, 0),
        (1, 10**9),
        (1e9, 10**18),
        (0.1, 10**8),
        (1e-9, 1),
        (1.9e-9, 1),
        (5e-324, 0),
        ("0.2", 2 * 10**8),
        ("0.0000000019", 1),
        ("1e-05", 10_000),
        ("2.5E-7", 250),
        ("4e-324", 0),
        ("1.999999999999999999", 1_999_999_999),
        ("9223372036.854775807", 2**63 - 1),
    ],
)
def test_money_is_rounded_down_to_a_nano_dollar(usd: float | str, nano_usd: int) -> None:
    assert read(max_cost_usd=usd).options.max_cost_nano_usd == nano_usd


@pytest.mark.parametrize(
    "usd",
    [
        -1,
        -0.1,
        "-2",
        "",
        "1,5",
        "1e3",
        "-1e-05",
        "1e-9999",
        "١e-05",
        " 1",
        "NaN",
        float("nan"),
        float("inf"),
        1e10,
        True,
        [],
        "1" * 5000,
        "1.",
    ],
)
def test_an_invalid_amount_of_money_is_refused(usd: Any) -> None:
    assert fields_refused(max_cost_usd=usd) == ["max_cost_usd"]


def test_the_message_may_be_absent_or_empty_if_parts_have_content() -> None:
    part = {"text": "Hi"}
    for document in ({"parts": [part]}, {"message": None, "parts": [part]}, {"message": "", "parts": [part]}):
        assert prompt_from_document(document) == Prompt(parts=(TextPart(text="Hi"),))
    with pytest.raises(InvalidRequest, match="message: is required"):
        prompt_from_document({"parts": []})


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"parts": "Hi"}, ["parts"]),
        ({"parts": {}}, ["parts"]),
        ({"parts": ["Hi"]}, ["parts[0]"]),
        ({"parts": [{}]}, ["parts[0]"]),
        ({"parts": [{"text": None}]}, ["parts[0]"]),
        ({"parts": [{"text": "a", "refusal": "b"}]}, ["parts[0]"]),
        ({"parts": [{"txet": "a"}]}, ["parts[0]"]),
        ({"parts": [{"text": 5}]}, ["parts[0].text"]),
        ({"parts": [{"text": ""}, {"text": "a"}, {"image": {}}]}, ["parts[0].text", "parts[2].image"]),
        ({"parts": [{"image": "url"}]}, ["parts[0].image"]),
        ({"parts": [{"image": {"data": PNG}}]}, ["parts[0].image.media_type"]),
        ({"parts": [{"image": {"media_type": "image/png", "data": "p"}}]}, ["parts[0].image.data"]),
        ({"parts": [{"image": {"media_type": "image/png", "data": "cG5n\n"}}]}, ["parts[0].image.data"]),
        ({"parts": [{"image": {"media_type": "image/png", "data": "äää="}}]}, ["parts[0].image.data"]),
        ({"parts": [{"image": {"media_type": "image/png", "data": 5}}]}, ["parts[0].image.data"]),
        ({"parts": [{"image": {"media_type": "image/png", "bytes": PNG}}]}, ["parts[0].image"]),
        ({"parts": [{"image": {"url": "http://example.com"}}]}, ["parts[0].image.url"]),
        ({"parts": [{"image": {"url": "data:image/png;base64,%"}}]}, ["parts[0].image.url"]),
        ({"parts": [{"image": {"url": "data:image/png;base64,"}}]}, ["parts[0].image.url"]),
        ({"parts": [{"image": {"url": "data:image/png"}}]}, ["parts[0].image.url"]),
        ({"parts": [{"image": {"url": f"data:text/plain;base64,{PNG}"}}]}, ["parts[0].image.media_type"]),
        (
            {"parts": [{"image": {"url": f"data:image/png;base64,{PNG}", "media_type": "image/gif"}}]},
            ["parts[0].image.media_type"],
        ),
        ({"parts": [{"cache_point": {"ttl_seconds": 0}}]}, ["parts[0].cache_point.ttl_seconds"]),
        ({"parts": [{"cache_point": {"ttl_seconds": "5"}}]}, ["parts[0].cache_point.ttl_seconds"]),
        ({"parts": [RESULT]}, ["parts[0].tool_result.tool_call_id"]),
        ({"history": ASKED}, ["history[0].parts[0].tool_call"]),
        ({"history": ASKED, "parts": [{"tool_result": {}}]}, ["parts[0].tool_result.tool_call_id"]),
        (
            {"history": ASKED, "parts": [{"tool_result": {"tool_call_id": "c1", "is_error": "no"}}]},
            ["parts[0].tool_result.is_error"],
        ),
        (
            {"history": ASKED, "parts": [{"tool_result": {"tool_call_id": "c1", "content": [CALL]}}]},
            ["parts[0].tool_result.content[0]"],
        ),
        (
            {"history": ASKED, "parts": [{"tool_result": {"tool_call_id": "c1", "structured": RawJson("{'a'}")}}]},
            ["parts[0].tool_result.structured"],
        ),
        ({"history": [{"role": "user", "parts": [{}]}]}, ["history[0].parts[0]"]),
        ({"history": [{"role": "user", "parts": [], "text": ""}]}, ["history[0].text"]),
        ({"history": [{"role": "user", "parts": [{"text": "a"}], "text": "a"}]}, ["history[0]"]),
        ({"history": [{"role": "user", "parts": [CALL]}]}, ["history[0].parts[0].tool_call"]),
        (
            {
                "history": [{"role": "assistant", "parts": [{"tool_call": {"id": "c1", "name": "a.b"}}]}],
                "parts": [RESULT],
            },
            ["history[0].parts[0].tool_call.name"],
        ),
        (
            {
                "history": [
                    {
                        "role": "assistant",
                        "parts": [{"tool_call": {"id": "c1", "name": "f", "arguments": 1, "arguments_text": "1"}}],
                    }
                ],
                "parts": [RESULT],
            },
            ["history[0].parts[0].tool_call.arguments_text"],
        ),
        ({"tools": {}}, ["tools"]),
        ({"tools": [{"name": "f"}]}, ["tools[0].input_schema"]),
        ({"tools": [{"name": "f", "input_schema": "{}"}]}, ["tools[0].input_schema"]),
        ({"tools": [{"name": "f", "input_schema": {"a": float("nan")}}]}, ["tools[0].input_schema"]),
        ({"tools": [{"name": "f", "input_schema": {"a": {1}}}]}, ["tools[0].input_schema"]),
        ({"tools": [{"name": "f g", "input_schema": {}}]}, ["tools[0].name"]),
        ({"tools": [{"name": "f", "input_schema": {}, "strict": "yes"}]}, ["tools[0].strict"]),
        ({"tools": [{"name": "f", "input_schema": {}, "parameters": {}}]}, ["tools[0]"]),
        ({"tools": [{"name": "f", "input_schema": {}}] * 1025}, ["tools"]),
        ({"tool_choice": "auto"}, ["tool_choice"]),
        ({"tool_choice": {"mode": "any"}}, ["tool_choice.mode"]),
        ({"tool_choice": {"mode": "required"}}, ["tool_choice.mode"]),
        ({"tool_choice": {"name": "f"}}, ["tool_choice.name"]),
        (
            {"history": [{"role": "assistant", "parts": [{"tool_call": {}}]}]},
            ["history[0].parts[0].tool_call.id", "history[0].parts[0].tool_call.name"],
        ),
        *(
            (
                {"history": [{"role": "user", "parts": [{"tool_result": {"tool_call_id": bad}}]}]},
                ["history[0].parts[0].tool_result.tool_call_id"],
            )
            for bad in NO_TEXTS
        ),
        *(({"response_format": {"kind": "json", "name": bad}}, ["response_format.name"]) for bad in NO_TEXTS),
        ({"history": [{"role": "user", "text": 0, "parts": [{"text": "x"}]}]}, ["history[0]"]),
        ({"response_format": {}}, ["response_format.kind"]),
        ({"response_format": {"kind": "xml"}}, ["response_format.kind"]),
        ({"response_format": {"kind": "json_schema"}}, ["response_format.schema"]),
        ({"response_format": {"kind": "json_schema", "schema": []}}, ["response_format.schema"]),
        ({"sampling": []}, ["sampling"]),
        ({"sampling": {"stop": "x"}}, ["sampling.stop"]),
        ({"sampling": {"stop": [5]}}, ["sampling.stop"]),
        ({"sampling": {"top_p": "1"}}, ["sampling.top_p"]),
        ({"sampling": {"seed": 1.5}}, ["sampling.seed"]),
        ({"thinking": {}}, ["thinking"]),
        ({"thinking": {"max_tokens": 0}}, ["thinking.max_tokens"]),
        ({"tags": ["a"]}, ["tags"]),
        ({"tags": {"a": 5}}, ["tags"]),
        ({"provider_options": {"openai": "{}"}}, ["provider_options.openai"]),
        ({"provider_options": {"openai": {"n": 2}}}, ["provider_options.openai.n"]),
        ({"provider_options": {SECRET: {}}}, ["provider_options"]),
        ({"service_tier": "a b"}, ["service_tier"]),
        ({"service_tier": 5}, ["service_tier"]),
        ({"end_user": "u" * 257}, ["end_user"]),
    ],
)
def test_a_bad_value_is_refused_by_its_name_in_json(document: dict[str, Any], fields: list[str]) -> None:
    assert fields_refused(**document) == fields


def test_every_bad_value_is_named_at_once() -> None:
    fields = fields_refused(
        message="",
        temperature=3,
        parts=[{"text": "a"}, {"image": {"media_type": "png", "data": "!"}}],
        history=[{"role": "robot", "parts": [{"text": ""}]}],
        tools=[{"name": "", "input_schema": {}}],
        tool_choice={"mode": "any"},
        sampling={"top_p": 2},
        max_cost_usd="much",
    )
    assert sorted(fields) == [
        "history[0].parts[0].text",
        "history[0].role",
        "max_cost_usd",
        "parts[1].image.data",
        "parts[1].image.media_type",
        "sampling.top_p",
        "temperature",
        "tool_choice.mode",
        "tools[0].name",
    ]


def test_a_bad_value_beside_a_malformed_part_is_named_too() -> None:
    fields = fields_refused(
        message="",
        temperature=3,
        history=[*ASKED, {"role": "user", "parts": [RESULT, {}]}, {"role": "robot", "text": "a"}],
        tools=[{}],
        tool_choice={"name": "f"},
        prompt="x",
    )
    assert sorted(fields) == [
        "history[1].parts[1]",
        "history[2].role",
        "message",
        "prompt",
        "temperature",
        "tools[0].input_schema",
        "tools[0].name",
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"parts": [{}] * 100_000},
        {"parts": [{f"x{n}": 1 for n in range(100_000)}]},
        {"parts": [{"image": {f"x{n}": 1 for n in range(100_000)}}]},
        {"tools": [{f"x{n}": 1 for n in range(100_000)}]},
        {"history": [{"role": "user", "parts": [{}] * 10_000}] * 10},
        {"tags": {f"x{n}": 1 for n in range(100_000)}},
        {"provider_options": {f"x{n}": {} for n in range(100_000)}},
    ],
    ids=["parts", "members", "members within", "tools", "turns", "tags", "providers"],
)
def test_of_very_many_faults_the_first_are_named(document: dict[str, Any]) -> None:
    assert 1 <= len(fields_refused(**document)) <= MAX_VIOLATIONS


@pytest.mark.parametrize("name", ["\ud800", "\n", "x" * 1000])
def test_an_unknown_name_within_a_part_is_repeated_only_in_part_and_in_plain_ascii(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(parts=[{"image": {name: 1}}])
    assert refused.value.message.isascii()
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 200


def test_a_body_keeps_the_text_of_arguments_to_the_call() -> None:
    arguments = '{"id":  9007199254740993,\n "x": 1.0, "big": 123456789012345678901234567890}'
    body = (
        '{"message": "Hi", "history": [{"role": "assistant", "parts": [{"tool_call":'
        ' {"id": "c1", "name": "f", "arguments": %s}}]}], "parts": [{"tool_result": {"tool_call_id": "c1"}}]}'
    )
    prompt = prompt_from_document(parse_json((body % arguments).encode()))
    (call,) = prompt.history[0].parts
    assert isinstance(call, ToolCall)
    assert call.arguments_json == arguments


def test_the_arguments_of_a_python_function_are_read_like_a_document() -> None:
    prompt = prompt_from_arguments("Hi", parts=({"text": "a"},), service_tier="flex")
    assert prompt == Prompt(message="Hi", parts=(TextPart(text="a"),), options=Options(service_tier="flex"))


def document_of(prompt: Prompt) -> dict[str, Any]:
    """Returns the parts of a prompt in the form of a JSON body."""

    def parts(some: tuple[Part, ...]) -> list[Any]:
        return [part_document(part, RawJson) for part in some]

    def turn(one: Turn) -> dict[str, Any]:
        content = {"parts": parts(one.parts)} if one.parts else {"text": one.text}
        return {"role": one.role.value, **content}

    return {
        "message": prompt.message,
        "parts": parts(prompt.parts),
        "history": [turn(one) for one in prompt.history],
    }


@given(prompts())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_parts_are_the_same_after_json_and_back(prompt: Prompt) -> None:
    calls = [part for turn in prompt.history for part in turn.parts if isinstance(part, ToolCall)]
    assume(all(call.arguments_json != "null" for call in calls))  # which is the same as absent, as everywhere in JSON
    again = prompt_from_document(document_of(prompt))
    assert (again.message, again.parts, again.history) == (prompt.message, prompt.parts, prompt.history)


@given(prompts())
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_parts_of_an_answer_are_json(prompt: Prompt) -> None:
    for turn in prompt.history:
        for part in turn.parts:
            json.dumps(part_document(part))
