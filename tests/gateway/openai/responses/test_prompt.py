"""The options of a response request reach the provider."""

import json
from typing import Any

import pytest

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.responses.prompt import responses_prompt
from llm_relay.messages import (
    NO_OPTIONS,
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
