"""Every provider behind one interface, each with its stand-in, so that one test can run against all of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from llm_relay.messages import Prompt
from server_b.providers.base import Defaults, Piece, Provider
from server_b.providers.bedrock.provider import BedrockProvider
from server_b.providers.mock.provider import MockProvider
from server_b.providers.openai.interfaces import Api
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.bedrock import BedrockStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script
from tests.standins.server import StandIn

SENDING = ("openai-chat", "openai-responses", "bedrock")
"""The providers that send requests."""
SUBJECTS = ("mock", *SENDING)

SECRET = "canary-271828"
DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)


@dataclass
class Subject:
    """A provider, and the means to make it fail."""

    name: str
    provider: Provider
    standin: StandIn | None

    def prompt(self, fault: str = "", **script: Any) -> Prompt:
        """Makes a prompt that is answered with this fault; faults have the mock's names."""
        if self.standin is None:
            return Prompt(message=f"say {SECRET}", model=f"mock-model?fault={fault}&after=2" if fault else None)
        kind = KINDS[fault](type(self.standin)) if fault else None
        self.standin.script = Script(fault=kind, **script)
        return Prompt(message=f"say {SECRET}")


def _status(openai: int, bedrock: str) -> Callable[[type], Fault]:
    return lambda standin: (
        Fault(kind=FaultKind.STATUS, status=openai)
        if standin is OpenAIStandIn
        else Fault(kind=FaultKind.STATUS, code=bedrock)
    )


def _during(kind: FaultKind) -> Callable[[type], Fault]:
    return lambda _: Fault(kind=kind, after=2)


KINDS: dict[str, Callable[[type], Fault]] = {
    "rate_limit": _status(429, "ThrottlingException"),
    "server_error": _status(503, "ServiceUnavailableException"),
    "auth": _status(401, "AccessDeniedException"),
    "unknown_model": _status(404, "ResourceNotFoundException"),
    "rejected": _status(400, "ValidationException"),
    "hang": lambda _: Fault(kind=FaultKind.HANG),
    "hang_during": _during(FaultKind.HANG_DURING),
    "cut": _during(FaultKind.CUT),
    "no_end": _during(FaultKind.NO_END),
    "malformed": _during(FaultKind.MALFORMED),
}


@contextlib.asynccontextmanager
async def open_subject(name: str, default_model: str = "") -> AsyncIterator[Subject]:
    """Opens the provider of that name, one of SUBJECTS."""
    if name == "mock":
        yield Subject(name, MockProvider(delay_s=0, word_delay_s=0, faults_allowed=True), None)
        return
    standin = BedrockStandIn() if name == "bedrock" else OpenAIStandIn()
    async with standin:
        if name == "bedrock":
            provider: Provider = _bedrock(standin.url, default_model or "sonnet-v2")
        else:
            provider = _openai(standin.url, default_model or "gpt-4o", Api(name.removeprefix("openai-")))
        async with contextlib.aclosing(_Closing(provider)):
            subject = Subject(name, provider, standin)
            if name == "openai-responses":
                await _find_refusals(subject, standin)
            yield subject


async def _find_refusals(subject: Subject, standin: StandIn) -> None:
    """Lets the provider find out what the model refuses, so that each later prompt is one request."""
    await pieces_of(subject, subject.prompt())
    for _ in [*standin.requests]:
        await standin.next_request()


@dataclass
class _Closing:
    provider: Provider

    async def aclose(self) -> None:
        await self.provider.close()


def _openai(url: str, model: str, api: Api) -> Provider:
    return OpenAIProvider(api_key=f"sk-{SECRET}", base_url=f"{url}/v1", default_model=model, defaults=DEFAULTS, api=api)


def _bedrock(url: str, model: str) -> Provider:
    return BedrockProvider(
        access_key_id="AKIDEXAMPLE",
        secret_access_key=SECRET,
        session_token="",
        profile="",
        region="us-east-1",
        endpoint_url=url,
        default_model=model,
        defaults=DEFAULTS,
    )


async def pieces_of(subject: Subject, prompt: Prompt) -> list[Piece]:
    """Reads a stream to its end."""
    async with contextlib.aclosing(subject.provider.stream(prompt)) as pieces:
        return [piece async for piece in pieces]
