"""Calling an OpenAI provider that calls a stand-in."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from llm_relay.errors import RelayError
from llm_relay.messages import Accuracy, FinishReason, Prompt, Usage
from server_b.providers.base import Defaults, Ending, Piece, Text
from server_b.providers.openai.interfaces import Api
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.openai import OpenAIStandIn
from tests.support.whole_answers import whole_answer

KEY = "sk-canary314159"
SAID = "canary271828"
PROMPT = Prompt(message=f"say {SAID}")
COUNTED = Usage(input_tokens=11, output_tokens=4, accuracy=Accuracy.EXACT)
"""The stand-in's default usage."""


def ended(reason: FinishReason = FinishReason.STOP, usage: Usage | None = COUNTED) -> Ending:
    """Makes the ending of the stand-in's answers."""
    return Ending(reason, usage, "default")


def create_provider(
    base_url: str, *, api_key: str = KEY, default_model: str = "gpt-4o", api: Api = Api.AUTO
) -> OpenAIProvider:
    defaults = Defaults(temperature=0.7, max_tokens=1000)
    return OpenAIProvider(api_key=api_key, base_url=base_url, default_model=default_model, defaults=defaults, api=api)


@contextlib.asynccontextmanager
async def serving(
    standin: OpenAIStandIn, *, api_key: str = KEY, default_model: str = "gpt-4o", api: Api = Api.AUTO
) -> AsyncIterator[OpenAIProvider]:
    """Runs a stand-in and a provider that calls it."""
    async with standin:
        provider = create_provider(standin.base_url, api_key=api_key, default_model=default_model, api=api)
        yield provider
        await provider.close()


async def said(provider: OpenAIProvider, prompt: Prompt = PROMPT) -> list[Piece]:
    """Reads a stream to its end."""
    async with contextlib.aclosing(provider.stream(prompt)) as pieces:
        return [piece async for piece in pieces]


async def said_before_failing(provider: OpenAIProvider) -> tuple[str, RelayError]:
    """Reads a stream until it fails; returns the text before that, and the error."""
    text = ""
    try:
        async for piece in provider.stream(PROMPT):
            assert not isinstance(piece, Ending)
            text += piece.text if isinstance(piece, Text) else ""
    except RelayError as error:
        return text, error
    return pytest.fail("the stream did not fail")


async def failure(provider: OpenAIProvider, prompt: Prompt = PROMPT) -> RelayError:
    """Requests a whole answer; returns the error."""
    with pytest.raises(RelayError) as raised:
        await whole_answer(provider, prompt)
    return raised.value
