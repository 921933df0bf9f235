"""Which options are valid."""

import json
from typing import Any

import pytest

from llm_relay.messages import (
    MAX_JSON_DEPTH,
    MAX_SCHEMA_BYTES,
    MAX_TOOLS,
    Options,
    Prompt,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from tests.support.refused_fields import SECRET, fields_refused

TOOL = Tool(name="look_up", description="Looks up", input_schema_json='{"type": "object"}')


def tool(**given: Any) -> Tool:
    return Tool(**{"name": "f", "input_schema_json": "{}"} | given)


def nested(levels: int) -> str:
    return '{"a":' * (levels - 1) + "{}" + "}" * (levels - 1)


def refused(**given: Any) -> list[str]:
    return [field.removeprefix("options.") for field in fields_refused(options=Options(**given))]


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(tools=(TOOL, tool(strict=True))),
        Options(tools=(TOOL,), tool_choice=ToolChoice(name="look_up", parallel=False)),
        Options(tools=(TOOL,), tool_choice=ToolChoice(mode=ToolChoiceMode.REQUIRED)),
        Options(tool_choice=ToolChoice()),
        Options(tool_choice=ToolChoice(mode=ToolChoiceMode.NONE)),
        Options(response_format=ResponseFormat()),
        Options(response_format=ResponseFormat(kind=ResponseKind.JSON)),
        Options(response_format=ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="x", schema_json="{}", strict=True)),
        Options(sampling=Sampling()),
        Options(
            sampling=Sampling(
                top_p=1, stop=("\n", "x" * 256), seed=-(2**63), frequency_penalty=-2, presence_penalty=2.0
            )
        ),
        Options(thinking=Thinking(effort="x-high")),
        Options(thinking=Thinking(max_tokens=1)),
        Options(tags={f"key {n}": "v" * 512 for n in range(16)}),
        Options(tags={"k" * 64: ""}),
        Options(
            provider_options={"openai": '{"logit_bias": {"50256": -100}}', "bedrock": '{"top_k": 5}', "mock": "{}"}
        ),
        Options(service_tier="flex", max_cost_nano_usd=0, end_user="u" * 256),
        Options(max_cost_nano_usd=2**63 - 1),
    ],
)
def test_good_options_are_accepted(options: Options) -> None:
    assert Prompt(message="Hi", options=options).options == options


@pytest.mark.parametrize("name", ["", " ", "a b", "a.b", "a/b", "ä", "f" * 65, "f\n", None, 7])
def test_a_tool_name_has_1_to_64_plain_characters(name: Any) -> None:
    assert refused(tools=(TOOL, tool(name=name))) == ["tools[1].name"]


def test_no_two_tools_have_the_same_name() -> None:
    assert refused(tools=(TOOL, tool(), TOOL)) == ["tools[2].name"]


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{",
        "{'type': 'object'}",
        '{"minimum": NaN}',
        "{}{}",
        nested(MAX_JSON_DEPTH + 1),
        nested(100_000),
        '{"description": "' + "x" * MAX_SCHEMA_BYTES + '"}',
        '{"description": "' + "ä" * (MAX_SCHEMA_BYTES // 2) + '"}',
        f'{{"{SECRET}": }}',
        '{"a": "\ud800"}',
        {},
        None,
    ],
)
def test_a_schema_is_a_json_object_within_its_limits(schema: Any) -> None:
    assert refused(tools=(tool(input_schema_json=schema),)) == ["tools[0].input_schema_json"]
    wanted = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json=schema)
    assert refused(response_format=wanted) == ["response_format.schema_json"]


@pytest.mark.parametrize("schema", ["{}", nested(MAX_JSON_DEPTH), '{"maximum": 123456789012345678901234567890}'])
def test_a_schema_within_its_limits_is_accepted(schema: str) -> None:
    options = Options(tools=(tool(input_schema_json=schema),))
    assert Prompt(message="Hi", options=options).options is options


@pytest.mark.parametrize(
    ("tools", "choice", "field"),
    [
        ((), ToolChoice(name="f"), "tool_choice.name"),
        ((TOOL,), ToolChoice(name="f"), "tool_choice.name"),
        ((TOOL,), ToolChoice(name=""), "tool_choice.name"),
        ((), ToolChoice(mode=ToolChoiceMode.REQUIRED), "tool_choice.mode"),
        ((TOOL,), ToolChoice(mode=None), "tool_choice.mode"),  # type: ignore[arg-type]
        ((TOOL,), ToolChoice(mode=ToolChoiceMode.NONE, name="look_up"), "tool_choice"),
    ],
)
def test_a_tool_choice_must_be_possible(tools: tuple[Tool, ...], choice: ToolChoice, field: str) -> None:
    assert refused(tools=tools, tool_choice=choice) == [field]


def test_the_number_of_tools_is_limited() -> None:
    tools = tuple(tool(name=f"f{n}") for n in range(MAX_TOOLS))
    assert Prompt(message="Hi", options=Options(tools=tools)).options.tools == tools
    assert refused(tools=(*tools, TOOL)) == ["tools"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tools": (tool(description="\0"),)}, "tools[0].description"),
        ({"response_format": ResponseFormat(kind=None)}, "response_format.kind"),  # type: ignore[arg-type]
        ({"response_format": ResponseFormat(schema_json="{}")}, "response_format.schema_json"),
        (
            {"response_format": ResponseFormat(kind=ResponseKind.JSON, schema_json="{}")},
            "response_format.schema_json",
        ),
        ({"response_format": ResponseFormat(name="a b")}, "response_format.name"),
        ({"response_format": ResponseFormat(name=[])}, "response_format.name"),  # type: ignore[arg-type]
        ({"sampling": Sampling(top_p=-0.1)}, "sampling.top_p"),
        ({"sampling": Sampling(top_p=1.1)}, "sampling.top_p"),
        ({"sampling": Sampling(top_p=float("nan"))}, "sampling.top_p"),
        ({"sampling": Sampling(top_p=True)}, "sampling.top_p"),
        ({"sampling": Sampling(stop=("x",) * 17)}, "sampling.stop"),
        ({"sampling": Sampling(stop=("",))}, "sampling.stop"),
        ({"sampling": Sampling(stop=("x" * 257,))}, "sampling.stop"),
        ({"sampling": Sampling(stop=("x", "\0"))}, "sampling.stop"),
        ({"sampling": Sampling(seed=2**63)}, "sampling.seed"),
        ({"sampling": Sampling(seed=-(2**63) - 1)}, "sampling.seed"),
        ({"sampling": Sampling(seed=1.0)}, "sampling.seed"),  # type: ignore[arg-type]
        ({"sampling": Sampling(frequency_penalty=2.1)}, "sampling.frequency_penalty"),
        ({"sampling": Sampling(frequency_penalty=float("inf"))}, "sampling.frequency_penalty"),
        ({"sampling": Sampling(presence_penalty=-2.1)}, "sampling.presence_penalty"),
        ({"thinking": Thinking()}, "thinking"),
        ({"thinking": Thinking(effort="very hard")}, "thinking.effort"),
        ({"thinking": Thinking(effort="x" * 65)}, "thinking.effort"),
        ({"thinking": Thinking(max_tokens=0)}, "thinking.max_tokens"),
        ({"thinking": Thinking(max_tokens=2**31)}, "thinking.max_tokens"),
        ({"tags": {f"k{n}": "v" for n in range(17)}}, "tags"),
        ({"tags": {"": "v"}}, "tags"),
        ({"tags": {"k" * 65: "v"}}, "tags"),
        ({"tags": {"k": "v" * 513}}, "tags"),
        ({"tags": {"k": "v\0"}}, "tags"),
        ({"tags": {"k\ud800": "v"}}, "tags"),
        ({"tags": {"k": 7}}, "tags"),
        ({"provider_options": {"anthropic": "{}"}}, "provider_options"),
        ({"provider_options": {SECRET: "{}"}}, "provider_options"),
        ({"provider_options": {"OpenAI": "{}"}}, "provider_options"),
        ({"provider_options": {"openai": "[]"}}, "provider_options.openai"),
        ({"provider_options": {"openai": ""}}, "provider_options.openai"),
        ({"provider_options": {"bedrock": nested(33)}}, "provider_options.bedrock"),
        ({"service_tier": "two words"}, "service_tier"),
        ({"service_tier": "x" * 65}, "service_tier"),
        ({"max_cost_nano_usd": -1}, "max_cost_nano_usd"),
        ({"max_cost_nano_usd": 2**63}, "max_cost_nano_usd"),
        ({"max_cost_nano_usd": 0.5}, "max_cost_nano_usd"),
        ({"end_user": "u" * 257}, "end_user"),
        ({"end_user": "u\0"}, "end_user"),
    ],
)
def test_a_bad_option_is_refused_by_its_name(given: Any, field: str) -> None:
    assert refused(**given) == [field]


ASKED = ("model", "messages", "input", "system", "instructions", "conversation", "previous_response_id", "prediction")
SPENT = ("n", "max_tokens", "max_completion_tokens", "max_output_tokens", "reasoning", "thinking", "service_tier")
ANSWERED = ("stream", "stream_options", "store", "background", "response_format", "modalities", "audio")
CALLED = ("tools", "tool_choice", "functions", "web_search_options")
WRITTEN = ("temperature", "top_p", "stop", "seed", "parallel_tool_calls", "reasoning_effort", "user")


@pytest.mark.parametrize("provider", ["bedrock", "mock", "openai"])
@pytest.mark.parametrize("member", [*ASKED, *SPENT, *ANSWERED, *CALLED, *WRITTEN])
def test_provider_options_may_not_change_the_question_or_the_cost(member: str, provider: str) -> None:
    members = json.dumps({"logit_bias": {}, member: None})
    assert refused(provider_options={provider: members}) == [f"provider_options.{provider}.{member}"]


def test_every_bad_option_is_named_at_once() -> None:
    fields = refused(
        tools=(tool(name=""),),
        tool_choice=ToolChoice(name="f"),
        response_format=ResponseFormat(kind=ResponseKind.JSON_SCHEMA),
        sampling=Sampling(top_p=2, seed=2**64),
        thinking=Thinking(max_tokens=0),
        tags={"": ""},
        provider_options={"openai": '{"model": "x", "n": 2}'},
        service_tier="!",
        max_cost_nano_usd=-1,
        end_user="\0",
    )
    assert len(fields) == len(set(fields)) == 12
