"""The options and the content of a response request reach the provider."""

import base64
import json
from typing import Any

import pytest

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.responses.prompt import responses_prompt
from llm_relay.messages import (
    NO_OPTIONS,
    Document,
    Image,
    Options,
    Part,
    Prompt,
    ResponseFormat,
    ResponseKind,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
)

JSON = ResponseFormat(kind=ResponseKind.JSON)
SCHEMA = '{"type":"object"}'
WEATHER = {"type": "function", "name": "weather", "description": "d", "parameters": {"type": "object"}, "strict": True}


def translate(**members: Any) -> Prompt:
    body = ResponsesBody.model_validate({"model": "m", "input": "Hello", **members})
    return responses_prompt(body, "r-1").prompt


def test_options_are_translated() -> None:
    prompt = translate(
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        text={
            "format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        top_p=0.5,
        reasoning={"effort": "low"},
        metadata={"team": "a"},
        user="u",
        max_cost_usd="0.0000000019",
        service_tier="flex",
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        temperature=0,
        max_output_tokens=7,
    )
    assert (prompt.model, prompt.message, prompt.temperature, prompt.max_tokens) == ("m", "Hello", 0, 7)
    openai = prompt.options.provider_options["openai"]
    assert json.loads(openai) == {"verbosity": "low", "prompt_cache_key": "k", "prompt_cache_retention": "24h"}
    assert prompt.options == Options(
        tools=(Tool(name="weather", description="d", input_schema_json=SCHEMA, strict=True),),
        tool_choice=ToolChoice(name="weather", parallel=False),
        response_format=ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="s", schema_json=SCHEMA, strict=True),
        sampling=Sampling(top_p=0.5),
        thinking=Thinking(effort="low"),
        tags={"team": "a"},
        provider_options={"openai": openai},
        service_tier="flex",
        max_cost_nano_usd=1,
        end_user="u",
    )


@pytest.mark.parametrize(
    ("members", "options"),
    [
        ({}, NO_OPTIONS),
        ({"text": {"format": {"type": "text"}}, "reasoning": {}, "metadata": {}}, NO_OPTIONS),
        (
            {"text": {"format": {"type": "json_object"}}},
            Options(response_format=ResponseFormat(kind=ResponseKind.JSON)),
        ),
        ({"tool_choice": "none"}, Options(tool_choice=ToolChoice(mode=ToolChoiceMode.NONE))),
        ({"parallel_tool_calls": True}, Options(tool_choice=ToolChoice(parallel=True))),
        ({"max_cost_usd": 0}, Options(max_cost_nano_usd=0)),
        ({"user": "u", "safety_identifier": "s"}, Options(end_user="s")),
    ],
)
def test_an_option_that_is_absent_stays_absent(members: dict[str, Any], options: Options) -> None:
    assert translate(**members).options == options


PNG = base64.b64encode(b"png").decode()
PARTS: list[tuple[dict[str, Any], Part]] = [
    ({"type": "input_text", "text": "Hi"}, TextPart(text="Hi")),
    (
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
        Image(media_type="image/png", data=b"png", detail="low"),
    ),
    ({"type": "input_image", "image_url": "https://example.com/a.png"}, Image(url="https://example.com/a.png")),
    (
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PNG}"},
        Document(media_type="application/pdf", name="a.pdf", data=b"png"),
    ),
    (
        {"type": "input_file", "filename": "a.pdf", "file_url": "https://example.com/a.pdf"},
        Document(name="a.pdf", url="https://example.com/a.pdf"),
    ),
]


def test_content_of_every_kind_becomes_a_part_of_the_message_and_of_a_result() -> None:
    content, parts = [given for given, _ in PARTS], tuple(part for _, part in PARTS)
    assert translate(input=[{"role": "user", "content": content}]).parts == parts
    items = [
        {"role": "user", "content": "Look"},
        {"type": "function_call", "call_id": "c1", "name": "a", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": content},
    ]
    assert translate(input=items).parts == (ToolResult(tool_call_id="c1", content=parts),)  # type: ignore[arg-type]
