"""What a provider is: something that completes a prompt, whole or piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from llm_relay.messages import FinishReason, Models, Prompt, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What is used where a prompt names nothing; left out where a model takes no such parameter."""

    temperature: float
    """0 to 2."""
    max_tokens: int
    """1 or more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The provider has begun to answer."""

    model: str
    """As the provider names it."""
    provider: str = ""
    """Who answers, where a provider is made of several."""


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, never empty."""

    text: str
    count: int = 1
    """How many of the provider's own deltas it is made of."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The provider's own end of an answer."""

    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""


@dataclass(frozen=True, slots=True)
class Working:
    """The provider is at work and has nothing to show: it reasons, or says that it is still there."""


Piece = Opening | Text | Working | Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer."""

    text: str
    model: str
    """As the provider names it."""
    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""
    provider: str = ""
    """Who answered, where a provider is made of several."""


class Provider(Protocol):
    """A language-model service.

    Failures are RelayErrors: UnknownModel, ProviderRateLimited, ProviderUnavailable, ProviderAuth,
    ProviderRejected, ProviderProtocol. Cancelling the awaiting task, or closing the generator, aborts the
    call and closes its connection. A provider does not retry: the Relay does.
    """

    @property
    def name(self) -> str:
        """mock, openai or bedrock; of a provider that is made of several their names, with commas."""
        ...

    @property
    def default_model(self) -> str:
        """The model used where a prompt names none."""
        ...

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers a prompt whole."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and one Ending, Working in between; without an Ending the stream was cut."""
        ...

    async def list_models(self) -> Models:
        """Lists the models that a prompt may name."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...
