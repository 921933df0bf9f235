"""The interface of a provider, which answers a prompt piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from llm_relay.errors import ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import FinishReason, Models, Prompt, Usage
from server_b.providers.content_pieces import ContentPiece

TRANSIENT = (ProviderRateLimited, ProviderUnavailable)
"""Transient errors: asking again later can help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Values for prompts that set none. A parameter that a model does not accept is left out."""

    temperature: float
    """0 to 2."""
    max_tokens: int
    """1 or more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The provider has begun to answer."""

    model: str
    """The provider's name of the model."""
    priced_as: tuple[str, ...] = ()
    """Other names that a price list may have for the model, the likeliest first."""
    asked_before: tuple[RelayError, ...] = ()
    """An error for each earlier sending of the request: it was refused and then changed, or its connection was closed.

    None of them was worked on. If a provider fails, its error has them; if it is cancelled, they are the arguments of
    the CancelledError.
    """


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, never empty."""

    text: str
    count: int = 1
    """Number of provider deltas in it."""
    index: int = 0
    """Number of its block; see content_pieces."""


@dataclass(frozen=True, slots=True)
class Working:
    """The provider is working but has no output yet: it reasons, or only says that it is alive."""

    reasoning: str = ""
    """More of its reasoning, if it shows that. It is not part of the answer, but counts when usage is estimated."""
    has_begun: bool = True
    """False: only the connection is known to be alive, for example from a comment at the start of a stream."""


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """This server does not stream. It sends nothing before the whole answer, so its silence is no fault."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The provider has marked the end of its answer."""

    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""
    service_tier: str = ""
    """The tier that the provider says it used, such as flex or priority; empty: it said nothing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The provider's token counts so far."""

    usage: Usage
    is_final: bool
    """Whether they are those of the end: the provider writes nothing more."""
    is_current: bool = True
    """Whether they count everything that the provider has written so far."""
    service_tier: str = ""
    """The tier that the provider says it used; empty: it said nothing."""


@dataclass(frozen=True, slots=True)
class Counting:
    """The provider has reported token counts before its end. They are the call's usage if no Ending has one.

    Comes once. Some providers count in every chunk, and most of these counts are never read.
    """

    counted: Callable[[], Counted | None]
    """Returns the latest counts; None: they count nothing."""


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """A provider made of several now asks one of them."""

    provider: str
    """The name of that provider."""
    model: str
    """The model that it is asked for."""


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A provider made of several reports that the one it asked has failed before it began to answer."""

    error: RelayError


Piece: TypeAlias = (
    Opening | Text | Working | WholeAnswer | Counting | Ending | AttemptBegan | AttemptFailed | ContentPiece
)


UNLIMITED_OUTPUT_TOKENS = 128_000
"""The longest answer of a model without a limit, in tokens: no vendor's model writes more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedModel:
    """A model that a prompt may be sent to, and how much it may write."""

    provider: str
    model: str
    """The name that the provider is asked for."""
    priced_as: tuple[str, ...] = ()
    """Other names that a price list may have for the model."""
    most_output_tokens: int
    """The longest possible answer, including reasoning."""
    costly_options: tuple[str, ...] = ()
    """Members of the prompt's provider_options that may change what the answer costs."""


class Provider(Protocol):
    """A language-model service.

    Failures are RelayErrors: UnknownModel, ProviderRateLimited, ProviderUnavailable, ProviderAuth,
    ProviderRejected, ProviderProtocol. Each has `may_have_worked`: whether the provider may have started work.
    Closing the generator aborts the request and closes its connection. A provider does not retry; the Relay does.
    """

    @property
    def name(self) -> str:
        """mock, openai or bedrock; for a provider made of several, their names separated by commas."""
        ...

    @property
    def default_model(self) -> str:
        """The model for prompts that name none."""
        ...

    @property
    def endpoint(self) -> str:
        """The base URL of its requests; empty: it has none, or several."""
        ...

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming field and provider, for what the provider or its model is known not to accept.

        Nothing has been sent by then, so nothing is spent.
        """
        ...

    def ignored_options(self, prompt: Prompt) -> Iterable[str]:
        """Returns the fields of the prompt's options that have no effect on an answer of this provider.

        Callers are told of them before the provider is asked. If a caller requires one of them, the call is refused.
        """
        ...

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns the models that the prompt may be sent to, in order. A provider made of several returns one for each.

        The prompt is not sent.
        """
        ...

    def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, then Texts, then one Ending, with Working and Counting anywhere.

        Without an Ending the stream was cut.

        `whole` only says that the caller reads the answer at its end; the server is asked to stream anyway.
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
    """A provider made of several."""

    def limited_to(self, names: Set[str]) -> Provider:
        """Returns the same chain with only those of its providers that have these names, one or more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer of a provider that does not stream."""

    text: str
    model: str
    """The provider's name of the model."""
    finish_reason: FinishReason
    usage: Usage | None
    """None: the provider gave no count."""

    def pieces(self) -> Iterator[Piece]:
        """Yields the answer as the pieces of a stream."""
        yield Opening(self.model)
        if self.text:
            yield Text(self.text)
        yield Ending(self.finish_reason, self.usage)
