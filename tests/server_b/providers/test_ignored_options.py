"""Which of a prompt's options have no effect at each provider."""

from dataclasses import replace

import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import (
    Options,
    Part,
    Prompt,
    Reasoning,
    Role,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from server_b.providers.base import Defaults
from server_b.providers.bedrock.request.thinking import lacks_reasoning, thinking_as_possible
from server_b.providers.fallback import Fallback
from server_b.providers.mock.provider import MockProvider
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.bedrock import BedrockStandIn
from tests.support.bedrock_provider import bedrock, pieces_of
from tests.support.scripted import ScriptedProvider

OWN = {"openai": '{"verbosity": "low", "logit_bias": {"1": 2}, "x": 1}', "bedrock": '{"top_k": 5}'}
PROMPT = Prompt(message="Hi", options=Options(provider_options=OWN))
OF_OPENAI = [f"options.provider_options.openai.{name}" for name in ("verbosity", "logit_bias", "x")]
OF_BEDROCK = ["options.provider_options.bedrock.top_k"]

BUDGET_MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
EFFORT_MODEL = "us.anthropic.claude-opus-4-7"
CALL = ToolCall(id="c1", name="weather", arguments_json="{}")
RESULT = ToolResult(tool_call_id="c1", content=(TextPart(text="sunny"),))
SIGNED = Reasoning(text="hm", signature=b"s", provider="bedrock")
ASKED = Turn(role=Role.USER, text="How is the weather?")


def openai(base_url: str) -> OpenAIProvider:
    defaults = Defaults(temperature=0.7, max_tokens=100)
    return OpenAIProvider(api_key="k", base_url=base_url, default_model="gpt-4o", defaults=defaults)


def test_the_mock_uses_no_providers_options() -> None:
    assert [*MockProvider().ignored_options(PROMPT)] == [*OF_OPENAI, *OF_BEDROCK]


@pytest.mark.parametrize(("base_url", "own"), [("", []), ("http://127.0.0.1:9/v1", OF_OPENAI[:1])])
def test_openai_uses_its_own_options_and_the_vendors_extras_only_at_the_vendor(base_url: str, own: list[str]) -> None:
    assert [*openai(base_url).ignored_options(PROMPT)] == [*OF_BEDROCK, *own]


def test_bedrock_uses_its_own_options() -> None:
    assert [*bedrock("http://127.0.0.1:9").ignored_options(PROMPT)] == OF_OPENAI


def test_a_chain_reports_every_option_that_one_of_its_possible_providers_ignores() -> None:
    first, second = ScriptedProvider(), ScriptedProvider()
    first.ignored, second.ignored = ("options.a",), ("options.b",)
    assert [*Fallback([first, second], {}).ignored_options(PROMPT)] == ["options.a", "options.b"]
    first.unsupported = Unsupported("no")
    assert [*Fallback([first, second], {}).ignored_options(PROMPT)] == ["options.b"]


def loop(*said: Part, now: tuple[Part, ...] = (RESULT,), more: tuple[Turn, ...] = ()) -> Prompt:
    """Returns a prompt that requests thinking, after a turn in which the model sent these parts."""
    options = Options(tools=(Tool(name="weather", input_schema_json="{}"),), thinking=Thinking(effort="low"))
    history = (ASKED, Turn(role=Role.ASSISTANT, parts=said), *more)
    return Prompt(message="" if now else "And now?", parts=now, history=history, options=options)


SECOND_CALL = (
    Turn(role=Role.USER, parts=(RESULT,)),
    Turn(role=Role.ASSISTANT, parts=(ToolCall(id="c2", name="weather", arguments_json="{}"),)),
)
SECOND_RESULT = (ToolResult(tool_call_id="c2", content=(TextPart(text="rain"),)),)


@pytest.mark.parametrize(
    ("prompt", "lacks"),
    [
        pytest.param(loop(CALL), True, id="nothing given back"),
        pytest.param(loop(SIGNED, CALL), False, id="given back"),
        pytest.param(loop(Reasoning(text="hm"), CALL), True, id="not signed"),
        pytest.param(loop(Reasoning(text="hm", signature=b"s", provider="x"), CALL), True, id="another provider's"),
        pytest.param(loop(TextPart(text="Let me see"), CALL), True, id="text first"),
        pytest.param(loop(SIGNED, CALL, now=SECOND_RESULT, more=SECOND_CALL), False, id="given back before two calls"),
        pytest.param(loop(CALL, now=SECOND_RESULT, more=SECOND_CALL), True, id="nothing before two calls"),
        pytest.param(loop(TextPart(text="Hi"), now=()), False, id="no tool was called"),
    ],
)
def test_a_claude_continues_to_think_only_if_its_reasoning_came_back(prompt: Prompt, lacks: bool) -> None:
    assert lacks_reasoning(prompt, BUDGET_MODEL) is lacks
    assert (thinking_as_possible(prompt, BUDGET_MODEL).options.thinking is None) is lacks
    assert not lacks_reasoning(prompt, EFFORT_MODEL)
    told = [*bedrock("http://127.0.0.1:9", default_model=BUDGET_MODEL).ignored_options(prompt)]
    assert told == (["options.thinking"] if lacks else [])


@pytest.mark.anyio
async def test_the_request_to_bedrock_has_no_thinking_then() -> None:
    async with BedrockStandIn() as standin:
        provider = bedrock(standin.url, default_model=BUDGET_MODEL)
        for prompt in (loop(CALL), loop(SIGNED, CALL)):
            await pieces_of(provider, replace(prompt, model=BUDGET_MODEL))
        await provider.close()
        asked = [one.body for one in standin.requests if "converse" in one.path]
    assert ["thinking" in body.get("additionalModelRequestFields", {}) for body in asked] == [False, True]
