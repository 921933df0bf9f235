"""A Bedrock provider that calls a stand-in, and what its tests share."""

import asyncio
import contextlib

from llm_relay.errors import RelayError
from llm_relay.messages import Prompt
from server_b.providers.base import Defaults, Piece, Text
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins.bedrock import MODELS

SECRET = "canary-271828"
SONNET = MODELS[0]
TIME_LIMIT_S = 20
PROMPT = Prompt(message=f"say {SECRET}")


def bedrock(url: str, **given: str) -> BedrockProvider:
    """Makes a provider with a key pair and the region us-east-1, unless `given` says otherwise."""
    settings = {
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": SECRET,
        "session_token": "",
        "profile": "",
        "region": "us-east-1",
        "endpoint_url": url,
        "default_model": "sonnet-v2",
    }
    defaults = Defaults(temperature=0.7, max_tokens=1000)
    return BedrockProvider(defaults=defaults, **(settings | given))


async def pieces_of(provider: BedrockProvider, prompt: Prompt = PROMPT) -> list[Piece]:
    """Reads a stream to its end."""
    async with asyncio.timeout(TIME_LIMIT_S), contextlib.aclosing(provider.stream(prompt)) as stream:
        return [piece async for piece in stream]


async def broken_off(provider: BedrockProvider, prompt: Prompt = PROMPT) -> tuple[list[Piece], RelayError]:
    """Reads a stream that fails; returns the pieces before the error, and the error."""
    pieces: list[Piece] = []
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            async for piece in provider.stream(prompt):
                pieces.append(piece)  # noqa: PERF401 - pieces before the error count
    except RelayError as error:
        return pieces, error
    raise AssertionError("the stream did not fail")


def texts_of(pieces: list[Piece]) -> list[Text]:
    """Returns the pieces that are text."""
    return [piece for piece in pieces if isinstance(piece, Text)]
