"""Prompts with more than text as Converse bodies. AWS's own service model validates each of them."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given

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
from server_b.providers.bedrock.refused_defaults import NOTHING
from server_b.providers.bedrock.request.body import request_body
from server_b.providers.bedrock.request.unsupported import refuse_unsupported
from tests.support.converse_shape import assert_valid
from tests.support.prompts import prompts

DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)
SONNET_3_5 = "anthropic.claude-3-5-sonnet-20241022-v2:0"
SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
OPUS_4_6 = "global.anthropic.claude-opus-4-6-v1"
OPUS_4_7 = "anthropic.claude-opus-4-7"
NOVA = "amazon.nova-pro-v1:0"
SCHEMA = '{"type": "object", "properties": {"n": {"const": 9007199254740993}}}'
TOOL = Tool(name="weather", description="Tells it", input_schema_json=SCHEMA, strict=True)
BARE_TOOL = Tool(name="time", input_schema_json="{}")
CALL = ToolCall(id="c1", name="weather", arguments_json='{"n": 9007199254740993}')
CALL_BLOCK = {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"n": 9007199254740993}}}
PIXEL = {"bytes": "AAE="}


def body_of(prompt: Prompt, model: str = SONNET_4) -> dict[str, Any]:
    """Returns the body of a supported prompt, as it is sent."""
    refuse_unsupported(prompt, model)
    body: dict[str, Any] = json.loads(orjson.dumps(request_body(prompt, DEFAULTS, NOTHING, model)))
    assert_valid(body)
    return body


def body_with(*, model: str = SONNET_4, **options: Any) -> dict[str, Any]:
    """Returns the members of a body with these options, without its messages."""
    temperature, max_tokens = options.pop("temperature", None), options.pop("max_tokens", None)
    prompt = Prompt(message="Hi", options=Options(**options), temperature=temperature, max_tokens=max_tokens)
    body = body_of(prompt, model)
    assert body.pop("messages") == [{"role": "user", "content": [{"text": "Hi"}]}]
    return body


def user_blocks(*parts: Part) -> list[dict[str, Any]]:
    """Returns the blocks of the user's message."""
    content: list[dict[str, Any]] = body_of(Prompt(message="Look", parts=parts))["messages"][-1]["content"]
    assert content[0] == {"text": "Look"}
    return content[1:]


def result_of(**result: Any) -> dict[str, Any]:
    """Returns the block of one result."""
    prompt = Prompt(
        message="",
        history=(Turn(role=Role.ASSISTANT, parts=(CALL,)),),
        parts=(ToolResult(tool_call_id="c1", **result),),
    )
    block: dict[str, Any] = body_of(prompt)["messages"][-1]["content"][0]["toolResult"]
    assert block.pop("toolUseId") == "c1"
    return block


# Turns.


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Image(media_type="image/png", data=b"\0\1"), {"image": {"format": "png", "source": PIXEL}}),
        (Image(media_type="image/JPEG", data=b"\0\1", detail="auto"), {"image": {"format": "jpeg", "source": PIXEL}}),
        (Image(media_type="image/webp", data=b"\0\1"), {"image": {"format": "webp", "source": PIXEL}}),
        (
            Document(media_type="application/pdf", name="Année_2026 (draft).pdf", data=b"\0\1"),
            {"document": {"format": "pdf", "name": "Annee 2026 (draft) pdf", "source": PIXEL}},
        ),
        (
            Document(media_type="text/markdown", data=b"\0\1"),
            {"document": {"format": "md", "name": "document", "source": PIXEL}},
        ),
        (TextPart(text="there"), {"text": "there"}),
        (CachePoint(), {"cachePoint": {"type": "default"}}),
        (CachePoint(ttl_s=300), {"cachePoint": {"type": "default", "ttl": "5m"}}),
        (CachePoint(ttl_s=3600), {"cachePoint": {"type": "default", "ttl": "1h"}}),
    ],
)
def test_each_part_of_the_user_is_a_block(part: Part, block: dict[str, Any]) -> None:
    assert user_blocks(part) == [block]


def test_no_two_documents_have_the_same_name() -> None:
    report = Document(media_type="text/plain", name="Report.txt", data=b"1")
    other = Document(media_type="text/plain", name="report*txt", data=b"2")
    long = Document(media_type="text/plain", name="x" * 255, data=b"3")
    names = [block["document"]["name"] for block in user_blocks(report, other, long, long)]
    assert names[:2] == ["Report txt", "report txt (2)"]
    assert len({*names}) == 4


@pytest.mark.parametrize(
    ("part", "blocks"),
    [
        (CALL, [CALL_BLOCK]),
        (Refusal(text="No."), [{"text": "No."}]),
        (TextPart(text=" \n"), []),
        (
            Reasoning(text="Hm", signature=b"c2ln+/=", provider="bedrock"),
            [{"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln+/="}}}],
        ),
        (
            Reasoning(signature=b"s", provider="bedrock"),
            [{"reasoningContent": {"reasoningText": {"text": "", "signature": "s"}}}],
        ),
        (Reasoning(redacted=b"\0\1", provider="bedrock"), [{"reasoningContent": {"redactedContent": "AAE="}}]),
        (Reasoning(text="Hm", provider="bedrock"), []),
        (Reasoning(text="Hm", signature=b"s", provider="openai"), []),
        (Reasoning(text="Hm", signature=b"s"), []),
    ],
)
def test_the_models_own_parts_go_back_to_it(part: Part, blocks: list[dict[str, Any]]) -> None:
    turn = Turn(role=Role.ASSISTANT, parts=(part, TextPart(text="So")))
    results = (ToolResult(tool_call_id="c1"),) if part is CALL else ()
    body = body_of(Prompt(message="Go on", history=(Turn(role=Role.USER, text="Hi"), turn), parts=results))
    assert body["messages"][1] == {"role": "assistant", "content": [*blocks, {"text": "So"}]}


def test_a_turn_that_becomes_empty_is_left_out() -> None:
    foreign = Turn(role=Role.ASSISTANT, parts=(Reasoning(text="Hm", provider="openai"),))
    body = body_of(Prompt(message="Go on", history=(Turn(role=Role.USER, text="Hi"), foreign)))
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Go on"}]}]


@pytest.mark.parametrize(
    ("result", "block"),
    [
        ({}, {"content": []}),
        ({"content": (TextPart(text="sun"), TextPart(text=""))}, {"content": [{"text": "sun"}]}),
        ({"structured_json": '{"n": 9007199254740993}'}, {"content": [{"json": {"n": 9007199254740993}}]}),
        ({"structured_json": "[1]"}, {"content": [{"text": "[1]"}]}),
        (
            {"content": (TextPart(text="no"),), "is_error": True},
            {"content": [{"text": "no"}], "status": "error"},
        ),
        (
            {
                "content": (
                    Image(media_type="image/gif", data=b"\0\1"),
                    Document(media_type="text/csv", name="t", data=b"\0\1"),
                )
            },
            {
                "content": [
                    {"image": {"format": "gif", "source": PIXEL}},
                    {"document": {"format": "csv", "name": "t", "source": PIXEL}},
                ]
            },
        ),
    ],
)
def test_the_result_of_a_tool_has_its_content_and_its_status(result: dict[str, Any], block: dict[str, Any]) -> None:
    assert result_of(**result) == block


def test_all_results_come_first_in_one_user_message_and_then_the_message() -> None:
    calls = Turn(role=Role.ASSISTANT, parts=(CALL, ToolCall(id="c2", name="time")))
    now: tuple[Part, ...] = (
        Image(media_type="image/png", data=b"\0\1"),
        ToolResult(tool_call_id="c2"),
        ToolResult(tool_call_id="c1"),
    )
    history = (Turn(role=Role.USER, text="Hi"), calls)
    content = body_of(Prompt(message="Well?", history=history, parts=now))["messages"][-1]["content"]
    assert [next(iter(block)) for block in content] == ["toolResult", "toolResult", "text", "image"]
    assert [block["toolResult"]["toolUseId"] for block in content[:2]] == ["c2", "c1"]


def test_an_id_that_converse_does_not_allow_is_replaced_by_the_same_id_in_call_and_result() -> None:
    call = ToolCall(id="call|ü" * 20, name="weather")
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, parts=(call,)))
    body = body_of(Prompt(message="", history=history, parts=(ToolResult(tool_call_id=call.id),)))
    used = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
    assert body["messages"][2]["content"][0]["toolResult"]["toolUseId"] == used != call.id


def test_system_turns_join_the_system_prompt_in_order() -> None:
    history = (
        Turn(role=Role.SYSTEM, text="Be kind."),
        Turn(role=Role.USER, text="Hi"),
        Turn(role=Role.SYSTEM, parts=(TextPart(text="Be quick."), CachePoint())),
    )
    body = body_of(Prompt(message="Now", context="Be brief.", history=history))
    texts = [{"text": text} for text in ("Be brief.", "Be kind.", "Be quick.")]
    assert body["system"] == [*texts, {"cachePoint": {"type": "default"}}]
    assert body["messages"] == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Now"}]}]


# Tools.

SPEC = {"name": "weather", "description": "Tells it", "inputSchema": {"json": json.loads(SCHEMA)}, "strict": True}
CLAUDES_CHOICE = "additionalModelRequestFields"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, None),
        (ToolChoice(), {"auto": {}}),
        (ToolChoice(parallel=True), {"auto": {}}),
        (ToolChoice(mode=ToolChoiceMode.REQUIRED), {"any": {}}),
        (ToolChoice(name="time"), {"tool": {"name": "time"}}),
    ],
)
def test_tools_and_the_tool_choice_are_sent(choice: ToolChoice | None, wanted: dict[str, Any] | None) -> None:
    config = body_with(tools=(TOOL, BARE_TOOL), tool_choice=choice, model=NOVA)["toolConfig"]
    assert config["tools"] == [
        {"toolSpec": SPEC},
        {"toolSpec": {"name": "time", "inputSchema": {"json": {}}}},
    ]
    assert config.get("toolChoice") == wanted


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({}, {"type": "auto"}),
        ({"mode": ToolChoiceMode.REQUIRED}, {"type": "any"}),
        ({"name": "weather"}, {"type": "tool", "name": "weather"}),
    ],
)
def test_a_limit_of_one_call_at_a_time_is_sent_in_claudes_format(
    choice: dict[str, Any], wanted: dict[str, Any]
) -> None:
    body = body_with(tools=(TOOL,), tool_choice=ToolChoice(**choice, parallel=False))
    assert body["additionalModelRequestFields"] == {"tool_choice": {**wanted, "disable_parallel_tool_use": True}}
    assert "toolChoice" not in body["toolConfig"]


def test_tools_that_must_not_be_called_are_left_out() -> None:
    assert "toolConfig" not in body_with(
        tools=(TOOL,), tool_choice=ToolChoice(mode=ToolChoiceMode.NONE, parallel=False)
    )


def test_tools_that_only_the_history_has_are_declared() -> None:
    history = (
        Turn(role=Role.USER, text="Hi"),
        Turn(role=Role.ASSISTANT, parts=(CALL, ToolCall(id="2", name="weather"))),
    )
    results = (ToolResult(tool_call_id="c1"), ToolResult(tool_call_id="2"))
    config = body_of(Prompt(message="", history=history, parts=results))["toolConfig"]
    assert config == {
        "tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}}]
    }


# Other options.

DEFAULT_CONFIG = {"temperature": 0.7, "maxTokens": 1000}
JSON_SCHEMA = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="answer", schema_json=SCHEMA, strict=True)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"tags": {"a": "b"}, "max_cost_nano_usd": 5}, {}),
        ({"sampling": Sampling(stop=("END",))}, {"inferenceConfig": {**DEFAULT_CONFIG, "stopSequences": ["END"]}}),
        ({"sampling": Sampling(top_p=0.5)}, {"inferenceConfig": {"maxTokens": 1000, "topP": 0.5}}),
        (
            {"sampling": Sampling(top_p=0.5), "temperature": 0.2},
            {"inferenceConfig": {"temperature": 0.2, "maxTokens": 1000, "topP": 0.5}},
        ),
        (
            {"sampling": Sampling(top_p=0.5), "model": NOVA},
            {"inferenceConfig": {**DEFAULT_CONFIG, "topP": 0.5}},
        ),
        ({"response_format": ResponseFormat()}, {}),
        (
            {"response_format": JSON_SCHEMA},
            {
                "outputConfig": {
                    "textFormat": {
                        "type": "json_schema",
                        "structure": {"jsonSchema": {"schema": SCHEMA, "name": "answer"}},
                    }
                }
            },
        ),
        ({"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
        ({"end_user": "user@example.com"}, {"requestMetadata": {"end_user": "user@example.com"}}),
        ({"provider_options": {"bedrock": '{"top_k": 5}', "openai": "{}"}}, {CLAUDES_CHOICE: {"top_k": 5}}),
    ],
)
def test_an_option_has_its_place_in_converse(options: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert body_with(**options) == {"inferenceConfig": DEFAULT_CONFIG, **wanted}


@pytest.mark.parametrize(
    ("model", "thinking", "max_tokens", "wanted"),
    [
        (SONNET_4, {"max_tokens": 2000}, None, ({"type": "enabled", "budget_tokens": 2000}, 3000, None)),
        (SONNET_4, {"max_tokens": 2000}, 2001, ({"type": "enabled", "budget_tokens": 2000}, 2001, None)),
        (SONNET_4, {"effort": "medium"}, None, ({"type": "enabled", "budget_tokens": 4096}, 5096, None)),
        (SONNET_4, {"effort": "high"}, 5000, ({"type": "enabled", "budget_tokens": 2500}, 5000, None)),
        (OPUS_4_6, {"effort": "low"}, None, ({"type": "adaptive"}, 2024, "low")),
        (
            OPUS_4_6,
            {"effort": "max", "max_tokens": 2000},
            None,
            ({"type": "enabled", "budget_tokens": 2000}, 3000, "max"),
        ),
        (OPUS_4_7, {"effort": "xhigh"}, 90, ({"type": "adaptive"}, 90, "xhigh")),
    ],
)
def test_thinking_has_the_form_that_the_model_accepts(
    model: str, thinking: dict[str, Any], max_tokens: int | None, wanted: tuple[dict[str, Any], int, str | None]
) -> None:
    body = body_with(
        model=model, thinking=Thinking(**thinking), max_tokens=max_tokens, provider_options={"bedrock": '{"top_k": 5}'}
    )
    field, limit, effort = wanted
    assert body["additionalModelRequestFields"] == {"top_k": 5, "thinking": field}
    assert body["inferenceConfig"] == {"maxTokens": limit}
    assert body.get("outputConfig", {}).get("effort") == effort


@pytest.mark.parametrize("model", [SONNET_3_5, SONNET_4, OPUS_4_6, OPUS_4_7, NOVA])
@given(prompt=prompts())
def test_any_prompt_is_refused_or_a_valid_request(model: str, prompt: Prompt) -> None:
    with contextlib.suppress(Unsupported):
        body_of(prompt, model)
