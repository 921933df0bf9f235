"""One stack for all replays, and each file's cases played side by side."""

from collections.abc import AsyncIterator

import pytest

from tests.field.field import Field, open_field
from tests.field.outcome import CallResult

OPENAI: dict[str, str] = {"ai_provider": "openai", "openai_api_key": "sk-any", "openai_base_url": "{url}/v1"}
BEDROCK = {
    "ai_provider": "bedrock",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "any",
    "aws_endpoint_url_bedrock_runtime": "{url}",
}


@pytest.fixture(scope="package")
async def openai() -> AsyncIterator[Field]:
    """A stack whose provider speaks OpenAI's protocol."""
    async with open_field(**OPENAI) as opened:
        yield opened


@pytest.fixture(scope="package")
async def bedrock() -> AsyncIterator[Field]:
    """A stack whose provider speaks Bedrock's protocol."""
    async with open_field(**BEDROCK) as opened:
        yield opened


@pytest.fixture(scope="module")
async def results(request: pytest.FixtureRequest, openai: Field) -> dict[str, list[CallResult]]:
    """What callers got in each case of this file, by the case's name."""
    return await openai.play(request.module.CASES, request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="module")
async def bedrock_results(request: pytest.FixtureRequest, bedrock: Field) -> dict[str, list[CallResult]]:
    """What callers got in each of Bedrock's cases, by the case's name."""
    return await bedrock.play(request.module.CASES, request.module.__name__.rpartition(".")[2])
