"""Each provider says which models a prompt may be sent to, and their maximum output."""

import pytest

from llm_relay.messages import Options, Prompt, Thinking
from server_b.providers.base import AskedModel, Defaults, Ending, Provider
from server_b.providers.bedrock.provider import BedrockProvider
from server_b.providers.fallback import Fallback
from server_b.providers.mock.provider import MockProvider
from server_b.providers.openai.interfaces import Api
from server_b.providers.openai.provider import OpenAIProvider
from tests.support.scripted import ScriptedProvider

pytestmark = pytest.mark.anyio

DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)
CLAUDE = "anthropic.claude-3-7-sonnet-20250219-v1:0"


def openai(api: Api = Api.AUTO) -> OpenAIProvider:
    return OpenAIProvider(
        api_key="k", base_url="http://127.0.0.1:1/v1", default_model="gpt-4o", defaults=DEFAULTS, api=api
    )


def bedrock() -> BedrockProvider:
    return BedrockProvider(
        access_key_id="a",
        secret_access_key="s",
        session_token="",
        profile="",
        region="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        default_model=CLAUDE,
        defaults=DEFAULTS,
    )


async def only(provider: Provider, prompt: Prompt) -> AskedModel:
    try:
        (asked,) = await provider.asked_models(prompt)
    finally:
        await provider.close()
    return asked


@pytest.mark.parametrize("api", Api)
@pytest.mark.parametrize(
    ("model", "max_tokens", "most"), [("gpt-4o", None, 1000), ("gpt-4o", 7, 7), ("o3", None, 1000), ("o3", 9, 9)]
)
async def test_openai_writes_at_most_the_requests_limit(
    api: Api, model: str, max_tokens: int | None, most: int
) -> None:
    asked = await only(openai(api), Prompt(message="Hi", model=model, max_tokens=max_tokens))
    assert (asked.provider, asked.model, asked.most_output_tokens) == ("openai", model, most)


@pytest.mark.parametrize(
    ("thinking", "max_tokens", "most"),
    [
        (None, None, 1000),
        (None, 7, 7),
        (Thinking(max_tokens=2000), None, 3000),
        (Thinking(effort="medium"), None, 1000 + 4096),
        (Thinking(max_tokens=2000), 5000, 5000),
    ],
)
async def test_bedrock_leaves_room_for_the_models_thinking(
    thinking: Thinking | None, max_tokens: int | None, most: int
) -> None:
    prompt = Prompt(message="Hi", max_tokens=max_tokens, options=Options(thinking=thinking))
    assert (await only(bedrock(), prompt)).most_output_tokens == most


async def test_bedrocks_short_names_are_sent_and_priced_by_their_ids() -> None:
    asked = await only(bedrock(), Prompt(message="Hi", model="sonnet-v2"))
    assert asked.model != "sonnet-v2"
    assert "claude-3-5-sonnet-20241022-v2" in asked.model


@pytest.mark.parametrize("message", ["Hi", "count to 100", "What is my name?", "a " * 5000])
async def test_the_mock_writes_no_more_than_its_announced_maximum(message: str) -> None:
    mock = MockProvider(delay_s=0, word_delay_s=0)
    prompt = Prompt(message=message)
    asked = await only(mock, prompt)
    (usage,) = [piece.usage async for piece in mock.stream(prompt) if isinstance(piece, Ending)]
    assert usage is not None
    assert usage.output_tokens is not None
    assert usage.output_tokens <= asked.most_output_tokens


@pytest.mark.parametrize(
    ("name", "options", "costly"),
    [
        ("openai", '{"logit_bias": {}, "top_k": 1}', ()),
        ("openai", '{"logit_bias": {}, "plugins": []}', ("options.provider_options.openai.plugins",)),
        ("bedrock", '{"plugins": []}', ()),
    ],
)
async def test_options_that_may_change_the_cost_are_named(name: str, options: str, costly: tuple[str, ...]) -> None:
    prompt = Prompt(message="Hi", options=Options(provider_options={name: options}))
    assert (await only(openai(), prompt)).costly_options == costly


async def test_a_chain_names_the_model_of_each_of_its_providers() -> None:
    chain = Fallback([openai(), ScriptedProvider()], {("scripted", "gpt-5"): "mapped"})
    try:
        asked = await chain.asked_models(Prompt(message="Hi", model="gpt-5"))
    finally:
        await chain.close()
    assert [(one.provider, one.model) for one in asked] == [("openai", "gpt-5"), ("scripted", "mapped")]
