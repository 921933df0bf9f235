"""What a provider is: something that answers a prompt, piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from llm_relay.errors import ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import FinishReason, Models, Prompt, Usage
from server_b.providers.content_pieces import ContentPiece

TRANSIENT = (ProviderRateLimited, ProviderUnavailable)
"""Errors that may pass by themselves, so that asking again later can help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What is used where a prompt names nothing. Left out where a model does not take the parameter."""

    temperature: float
    """0 to 2."""
    max_tokens: int
    """1 or more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The provider has begun to answer."""

    model: str
    """As the provider names it."""
    priced_as: tuple[str, ...] = ()
    """Other names that a price list may have of the model, the likeliest first."""
    asked_before: tuple[RelayError, ...] = ()
    """Why the request was sent before, once for each: it was refused and then changed, or its connection was closed.

    None of them was worked on. A provider that fails has them in its error, and one that is cancelled in the arguments
    of the CancelledError.
    """


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, never empty."""

    text: str
    count: int = 1
    """How many of the provider's own deltas it is made of."""
    index: int = 0
    """Its block; see content_pieces."""


@dataclass(frozen=True, slots=True)
class Working:
    """The provider works and has nothing to show: it reasons, or says that it is still there."""

    reasoning: str = ""
    """More of its reasoning, where it shows that. It is no part of the answer; it counts where usage is estimated."""
    has_begun: bool = True
    """False: only the connection is known to be alive, for example by a comment at the beginning of a stream."""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """This server does not stream: nothing comes before the whole answer, so its silence is no fault."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The provider's own end of an answer."""

    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""
    service_tier: str = ""
    """The tier that the provider says it used, such as flex or priority; empty: it said nothing."""


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """Of a provider that is made of several: one of them is asked now."""

    provider: str
    """Its name."""
    model: str
    """The one that it is asked for."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """Of a provider that is made of several: the one that was asked has failed before it began to answer."""

    error: RelayError


Piece: TypeAlias = Opening | Text | Working | WholeAnswer | Ending | AttemptBegan | AttemptFailed | ContentPiece


UNLIMITED_OUTPUT_TOKENS = 128_000
"""The longest answer that a model writes which is given no limit; no vendor's models write more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedModel:
    """A model of a provider that a prompt may be sent to, and how much it may write."""

    provider: str
    model: str
    """The one that is asked for."""
    priced_as: tuple[str, ...] = ()
    """Other names that a price list may have of it."""
    most_output_tokens: int
    """The longest answer, reasoning included."""
    costly_options: tuple[str, ...] = ()
    """Members of the prompt's provider_options that may change what the answer costs."""


class Provider(Protocol):
    """A language-model service.

    Failures are RelayErrors: UnknownModel, ProviderRateLimited, ProviderUnavailable, ProviderAuth,
    ProviderRejected, ProviderProtocol. Each says by `may_have_worked` whether the provider can have started work.
    Closing the generator aborts the request and closes its connection. A provider does not retry: the Relay does.
    """

    @property
    def name(self) -> str:
        """mock, openai or bedrock; of a provider that is made of several their names, with commas."""
        ...

    @property
    def default_model(self) -> str:
        """The model used where a prompt names none."""
        ...

    @property
    def endpoint(self) -> str:
        """The base URL that is asked; empty for none, or for several."""
        ...

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming the field and the provider, for what it or its model is known not to take.

        Nothing has been sent by then, so nothing is spent.
        """
        ...

    def ignored_options(self, prompt: Prompt) -> Iterable[str]:
        """Returns the fields of the prompt's options that have no effect on an answer of this provider.

        Callers are told of them before the provider is asked. One that must have its effect refuses the call then.
        """
        ...

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns what the prompt may be sent to, in order: one model, of a provider that is made of several one each.

        The prompt is not sent.
        """
        ...

    def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and one Ending, with Working anywhere; without an Ending the stream was cut.

        `whole` says only that the caller reads the answer at its end; the server is asked to stream all the same.
        """
        ...

    async def list_models(self) -> Models:
        """Lists the models that a prompt may name."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


@runtime_checkable
class Chain(Protocol):
    """A provider that is made of several."""

    def limited_to(self, names: Set[str]) -> Provider:
        """Returns the same chain with those of its providers only that have these names, one or more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer of a provider that does not stream it."""

    text: str
    model: str
    """As the provider names it."""
    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""

    def pieces(self) -> Iterator[Piece]:
        """Yields the answer as a stream has it."""
        yield Opening(self.model)
        if self.text:
            yield Text(self.text)
        yield Ending(self.finish_reason, self.usage)
