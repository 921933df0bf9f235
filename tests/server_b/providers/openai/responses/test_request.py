"""Prompts in the form of the Responses API."""

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
from server_b.providers.openai.refused_defaults import DEFAULT_LIMIT, INCLUDE, NOTHING, OUTPUT_LIMIT, SUMMARY
from server_b.providers.openai.request.unsupported_fields import refuse_first
from server_b.providers.openai.responses.request import response_body
from server_b.providers.openai.responses.unsupported import response_faults

DEFAULTS = Defaults(temperature=0.7, max_tokens=100)
PNG = f"data:image/png;base64,{base64.b64encode(b'png').decode()}"
CALL = ToolCall(id="c1", name="weather", arguments_json='{ "n":1.10 }')
RESULT = ToolResult(tool_call_id="c1", content=(TextPart(text="sunny"),))
TOOL = Tool(name="weather", input_schema_json='{"type":"object"}')


def sent(prompt: Prompt, *refused: str, is_vendor: bool = True) -> dict[str, Any]:
    """Returns the body that is sent, parsed again."""
    made = response_body(prompt, "m", DEFAULTS, frozenset(refused) or NOTHING, is_vendor=is_vendor)
    body: dict[str, Any] = orjson.loads(orjson.dumps(made))
    return body


def items(*history: Turn, parts: tuple[Part, ...] = (), message: str = "And now?") -> list[Any]:
    found: list[Any] = sent(Prompt(message=message, history=history, parts=parts))["input"]
    return found


def assistant(*parts: Part) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=parts)


def message(role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(content)}


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def test_a_plain_prompt_is_sent() -> None:
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, text="Hello"))
    assert sent(Prompt(message="Now", history=history, context="Be brief.")) == {
        "model": "m",
        "input": [
            message("user", text("Hi")),
            message("assistant", {"type": "output_text", "text": "Hello"}),
            message("user", text("Now")),
        ],
        "instructions": "Be brief.",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "temperature": 0.7,
        "max_output_tokens": 100,
        "stream": True,
    }


@pytest.mark.parametrize(
    ("refused", "name", "value"),
    [
        (INCLUDE, "include", None),
        ("temperature", "temperature", None),
        (OUTPUT_LIMIT, "max_output_tokens", None),
        (DEFAULT_LIMIT, "max_output_tokens", None),
        ("stream", "stream", False),
    ],
)
def test_refused_defaults_are_left_out(refused: str, name: str, value: object) -> None:
    assert sent(Prompt(message="Hi"), refused).get(name) == value


def test_a_callers_own_value_is_sent_anyway() -> None:
    body = sent(Prompt(message="Hi", temperature=0.1, max_tokens=20), "temperature", OUTPUT_LIMIT)
    assert (body["temperature"], body["max_output_tokens"]) == (0.1, 20)


def test_the_models_own_parts_keep_their_order() -> None:
    thought = Reasoning(text="hm", redacted=b"gAAAA==", provider="openai", id="rs_1")
    other = Reasoning(text="ah", redacted=b"x", provider="bedrock")
    unreadable = Reasoning(text="oh", provider="openai", id="rs_2")
    turn = assistant(thought, other, unreadable, TextPart(text="I "), TextPart(text="look"), CALL)
    assert items(turn, parts=(TextPart(text="more"), RESULT)) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAAA==",
        },
        message("assistant", {"type": "output_text", "text": "I "}, {"type": "output_text", "text": "look"}),
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{ "n":1.10 }'},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        message("user", text("And now?"), text("more")),
    ]


def test_a_refusal_goes_back() -> None:
    found = items(assistant(Refusal(text="No")))
    assert found[0] == message("assistant", {"type": "refusal", "refusal": "No"})


def test_images_and_files_are_content() -> None:
    image = Image(media_type="image/png", data=b"png", detail="low")
    link, file = Image(url="https://example.com/a.png"), Document(url="https://example.com/a.pdf")
    pdf = Document(media_type="application/pdf", name="a.pdf", data=b"png")
    assert items(parts=(image, link, pdf, file)) == [
        message(
            "user",
            text("And now?"),
            {"type": "input_image", "image_url": PNG, "detail": "low"},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": PNG.replace("image/png", "application/pdf")},
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        )
    ]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        (ToolResult(tool_call_id="c1", structured_json='{"a":1}'), '{"a":1}'),
        (ToolResult(tool_call_id="c1", content=(TextPart(text="no"),), is_error=True), "Error: no"),
        (
            ToolResult(tool_call_id="c1", content=(Image(media_type="image/png", data=b"png"),)),
            [{"type": "input_image", "image_url": PNG, "detail": "auto"}],
        ),
        (
            ToolResult(
                tool_call_id="c1", content=(Image(media_type="image/png", data=b"png"),), structured_json='{"a":1}'
            ),
            [
                {"type": "input_image", "image_url": PNG, "detail": "auto"},
                {"type": "input_text", "text": '{"a":1}'},
            ],
        ),
    ],
)
def test_results_of_tools_are_sent(result: ToolResult, output: object) -> None:
    assert items(assistant(CALL), parts=(result,), message="")[-1]["output"] == output


@pytest.mark.parametrize(
    ("options", "members"),
    [
        (
            Options(tools=(TOOL,), tool_choice=ToolChoice(name="weather", parallel=False)),
            {
                "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}],
                "tool_choice": {"type": "function", "name": "weather"},
                "parallel_tool_calls": False,
            },
        ),
        (
            Options(tools=(TOOL,), tool_choice=ToolChoice(mode=ToolChoiceMode.REQUIRED)),
            {"tool_choice": "required"},
        ),
        (
            Options(response_format=ResponseFormat(kind=ResponseKind.JSON)),
            {"text": {"format": {"type": "json_object"}}},
        ),
        (
            Options(
                response_format=ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json='{"x":1}', strict=True),
                provider_options={"openai": '{"verbosity":"low","prompt_cache_key":"k"}'},
            ),
            {
                "text": {
                    "format": {"type": "json_schema", "name": "answer", "schema": {"x": 1}, "strict": True},
                    "verbosity": "low",
                },
                "prompt_cache_key": "k",
            },
        ),
        (Options(thinking=Thinking(effort="low")), {"reasoning": {"effort": "low", "summary": "auto"}}),
        (Options(thinking=Thinking(effort="none")), {"reasoning": {"effort": "none"}}),
        (
            Options(sampling=Sampling(top_p=0.5), service_tier="flex", end_user="ann"),
            {"top_p": 0.5, "service_tier": "flex", "safety_identifier": "ann"},
        ),
    ],
)
def test_options_are_sent(options: Options, members: dict[str, Any]) -> None:
    body = sent(Prompt(message="Hi", options=options))
    assert {name: body.get(name) for name in members} == members


def test_a_summary_that_is_refused_is_left_out() -> None:
    options = Options(thinking=Thinking(effort="low"))
    assert sent(Prompt(message="Hi", options=options), SUMMARY)["reasoning"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        (Prompt(message="Hi", options=Options(sampling=Sampling(stop=("x",)))), "options.sampling.stop"),
        (Prompt(message="Hi", options=Options(sampling=Sampling(seed=0))), "options.sampling.seed"),
        (
            Prompt(message="Hi", options=Options(sampling=Sampling(presence_penalty=0.0))),
            "options.sampling.presence_penalty",
        ),
        (Prompt(message="Hi", options=Options(thinking=Thinking(max_tokens=9))), "options.thinking.max_tokens"),
        (
            Prompt(message="Hi", options=Options(provider_options={"openai": '{"logit_bias":{}}'})),
            "options.provider_options.openai.logit_bias",
        ),
        (Prompt(message="Hi", parts=(CachePoint(),)), "parts[0].cache_point"),
        (Prompt(message="Hi", parts=(Image(url="https://a.b/c"),)), "parts[0].image.url"),
        (Prompt(message="Hi", parts=(Document(url="https://a.b/c"),)), "parts[0].document.url"),
        (
            Prompt(message="Hi", history=(assistant(Document(media_type="application/pdf", data=b"pdf")),)),
            "history[0].parts[0].document",
        ),
        (
            Prompt(
                history=(assistant(CALL),),
                parts=(ToolResult(tool_call_id="c1", content=(Image(url="https://a.b/c"),)),),
                message="",
            ),
            "parts[0].tool_result.content[0].image.url",
        ),
    ],
)
def test_an_unsupported_field_is_named(prompt: Prompt, field: str) -> None:
    with pytest.raises(Unsupported, match=rf"^{field.replace('[', chr(92) + '[')}: not supported by openai: "):
        refuse_first(response_faults(prompt, fetches_urls=False))
