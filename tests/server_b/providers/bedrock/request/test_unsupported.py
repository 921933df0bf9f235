"""Options that Bedrock cannot support are refused before anything is sent, with the field's name."""

from typing import Any

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
from server_b.providers.bedrock.request.unsupported import refuse_unsupported
from tests.standins import BedrockStandIn
from tests.standins.bedrock import PROFILES
from tests.support.bedrock_provider import bedrock, broken_off

SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
OPUS_4_7 = "anthropic.claude-opus-4-7"
NOVA = "amazon.nova-pro-v1:0"
TOOLS = (Tool(name="weather", input_schema_json="{}"),)
URL = "https://example.com/a.png"
PNG = Image(media_type="image/png", data=b"x")
PDF = Document(media_type="application/pdf", data=b"x")
CALL = ToolCall(id="c1", name="weather")
REQUIRED = ToolChoice(mode=ToolChoiceMode.REQUIRED)


def _refused(prompt: Prompt, field: str, model: str | None = SONNET_4) -> None:
    with pytest.raises(Unsupported) as refused:
        refuse_unsupported(prompt, model)
    assert str(refused.value).startswith(f"{field}: not supported by bedrock: "), refused.value
    assert refused.value.may_have_worked is False


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Image(url=URL), "image.url"),
        (Image(media_type="image/tiff", data=b"x"), "image.media_type"),
        (Image(media_type="image/png", data=b"x", detail="high"), "image.detail"),
        (Document(url=URL), "document.url"),
        (Document(media_type="application/zip", data=b"x"), "document.media_type"),
        (CachePoint(ttl_s=60), "cache_point.ttl"),
    ],
)
def test_an_unsupported_part_is_named_wherever_it_is(part: Part, field: str) -> None:
    _refused(Prompt(message="Hi", parts=(TextPart(text="a"), part)), f"parts[1].{field}")
    turn = Turn(role=Role.USER, parts=(part, TextPart(text="a")))
    _refused(Prompt(message="Hi", history=(turn,)), f"history[0].parts[0].{field}")
    if not isinstance(part, CachePoint):
        history = (Turn(role=Role.ASSISTANT, parts=(CALL,)),)
        result = ToolResult(tool_call_id="c1", content=(part,))  # type: ignore[arg-type]
        _refused(Prompt(message="Hi", history=history, parts=(result,)), f"parts[0].tool_result.content[0].{field}")


@pytest.mark.parametrize(
    ("role", "part", "field"),
    [
        (Role.ASSISTANT, PNG, "image"),
        (Role.ASSISTANT, PDF, "document"),
        (Role.SYSTEM, PNG, "image"),
        (Role.ASSISTANT, Reasoning(signature=b"\xff", provider="bedrock"), "reasoning.signature"),
    ],
)
def test_a_part_in_a_place_that_converse_does_not_have_is_named(role: Role, part: Part, field: str) -> None:
    _refused(Prompt(message="Hi", history=(Turn(role=role, parts=(part,)),)), f"history[0].parts[0].{field}")


@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "7", "null"])
def test_arguments_that_are_not_an_object_cannot_go_back(arguments: str) -> None:
    turn = Turn(role=Role.ASSISTANT, parts=(ToolCall(id="c1", name="weather", arguments_json=arguments),))
    prompt = Prompt(message="Hi", history=(turn,), parts=(ToolResult(tool_call_id="c1", is_error=True),))
    _refused(prompt, "history[0].parts[0].tool_call.arguments_json")


def test_a_document_needs_text_in_the_same_message() -> None:
    _refused(Prompt(message="", parts=(PDF,)), "parts[0].document")
    before = Turn(role=Role.USER, text="Read this")
    refuse_unsupported(Prompt(message="", history=(before,), parts=(PDF,)), SONNET_4)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"response_format": ResponseFormat(kind=ResponseKind.JSON)}, "options.response_format.kind"),
        ({"sampling": Sampling(seed=0)}, "options.sampling.seed"),
        ({"sampling": Sampling(frequency_penalty=0.0)}, "options.sampling.frequency_penalty"),
        ({"sampling": Sampling(presence_penalty=1.0)}, "options.sampling.presence_penalty"),
        ({"service_tier": "auto"}, "options.service_tier"),
        ({"end_user": "Zoë"}, "options.end_user"),
        ({"thinking": Thinking(effort="xhigh")}, "options.thinking.effort"),
        ({"thinking": Thinking(effort="low", max_tokens=2000)}, "options.thinking.effort"),
        ({"thinking": Thinking(max_tokens=1023)}, "options.thinking.max_tokens"),
        ({"thinking": Thinking(max_tokens=2000), "max_tokens": 2000}, "options.thinking.max_tokens"),
        ({"thinking": Thinking(effort="low"), "max_tokens": 2000}, "max_tokens"),
        ({"thinking": Thinking(max_tokens=2000), "temperature": 0.5}, "temperature"),
        ({"thinking": Thinking(max_tokens=2000), "sampling": Sampling(top_p=0.5)}, "options.sampling.top_p"),
        ({"thinking": Thinking(max_tokens=2000), "tools": TOOLS, "tool_choice": REQUIRED}, "options.tool_choice"),
        ({"thinking": Thinking(max_tokens=2000), "model": OPUS_4_7}, "options.thinking.max_tokens"),
        ({"thinking": Thinking(effort="x" * 17), "model": OPUS_4_7}, "options.thinking.effort"),
        ({"thinking": Thinking(effort="low"), "model": NOVA}, "options.thinking"),
        ({"thinking": Thinking(effort="low"), "model": "anthropic.claude-3-haiku-20240307-v1:0"}, "options.thinking"),
        (
            {"tools": TOOLS, "tool_choice": ToolChoice(parallel=False), "model": NOVA},
            "options.tool_choice.parallel",
        ),
    ],
)
def test_an_unsupported_option_is_named(options: dict[str, Any], field: str) -> None:
    beside = {name: options.pop(name) for name in ("temperature", "max_tokens") if name in options}
    model = options.pop("model", SONNET_4)
    _refused(Prompt(message="Hi", options=Options(**options), **beside), field, model)


def test_tools_cannot_be_forbidden_if_the_history_has_calls() -> None:
    prompt = Prompt(
        message="Hi",
        history=(Turn(role=Role.ASSISTANT, parts=(CALL,)),),
        parts=(ToolResult(tool_call_id="c1"),),
        options=Options(tools=TOOLS, tool_choice=ToolChoice(mode=ToolChoiceMode.NONE)),
    )
    _refused(prompt, "options.tool_choice.mode")


@pytest.mark.anyio
async def test_the_model_of_an_accounts_profile_is_looked_up_before_anything_is_sent() -> None:
    assert PROFILES["ab12cd34ef56"].startswith("anthropic.claude-3-haiku")
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56"
    prompt = Prompt(message="Hi", model=arn, options=Options(thinking=Thinking(effort="low")))
    async with BedrockStandIn() as standin:
        provider = bedrock(standin.url)
        provider.refuse_unsupported(prompt)
        pieces, error = await broken_off(provider, prompt)
        await provider.close()
        assert (pieces, type(error)) == ([], Unsupported)
        assert not any("converse" in request.path for request in standin.requests)
