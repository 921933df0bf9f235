"""OpenAI's two interfaces, chat completions and responses, and the choice between them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from llm_relay.messages import NO_OPTIONS, Prompt, Reasoning
from server_b.providers.base import Defaults, Piece
from server_b.providers.openai.chat.answer import AnswerReader
from server_b.providers.openai.chat.request import request_body, sent_limit
from server_b.providers.openai.chat.unsupported import chat_faults
from server_b.providers.openai.models.unsupported_by_model import model_faults
from server_b.providers.openai.provider_name import NAME
from server_b.providers.openai.refused_defaults import CHAT_COMPLETIONS, Refused
from server_b.providers.openai.request.unsupported_fields import Fault, refuse_first
from server_b.providers.openai.responses.answer import ResponseReader
from server_b.providers.openai.responses.request import response_body, sent_output_limit
from server_b.providers.openai.responses.unsupported import response_faults


class Api(enum.StrEnum):
    """The values of OPENAI_API."""

    AUTO = "auto"
    """Chat completions; responses if a model answers only there, or if the caller asks to see reasoning."""
    CHAT = "chat"
    RESPONSES = "responses"


class Reader(Protocol):
    """Reads one answer. Raises Failed for an error that the provider reports, or ProviderProtocol."""

    @property
    def ended(self) -> bool:
        """Whether the end mark has arrived."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether the answer is one document rather than a stream."""
        ...

    @property
    def has_finish_reason(self) -> bool:
        """Whether the provider has said why the answer ends."""
        ...

    def read(self, block: bytes) -> Iterator[Piece]:
        """Yields the pieces in `block`. Raises after yielding what came before a fault."""
        ...

    def end(self) -> Iterator[Piece]:
        """Yields what is left at the end of the body, and the Ending. Raises if the answer is incomplete."""
        ...


class _Body(Protocol):
    def __call__(
        self, prompt: Prompt, model: str, defaults: Defaults, refused: Refused, *, is_vendor: bool
    ) -> dict[str, object]: ...


class _Faults(Protocol):
    def __call__(self, prompt: Prompt, *, fetches_urls: bool) -> Iterator[Fault]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """How to ask one interface, and how to read its answers."""

    path: str
    """Path below the base URL."""
    body: _Body
    """Returns the body of a request."""
    limit: Callable[[Prompt, Defaults, Refused], int | None]
    """Returns the limit of output tokens in the body; None: it has none."""
    reader: Callable[[str], Reader]
    """Returns the reader for an answer of a model."""
    faults: _Faults
    """Yields the fields of a prompt that the interface does not support."""


CHAT = Interface(path="/chat/completions", body=request_body, limit=sent_limit, reader=AnswerReader, faults=chat_faults)
RESPONSES = Interface(
    path="/responses", body=response_body, limit=sent_output_limit, reader=ResponseReader, faults=response_faults
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceChoice:
    """Chooses the interface for each prompt."""

    api: Api
    is_vendor: bool
    """Whether the endpoint is OpenAI's own."""
    fetches_urls: bool
    """Whether the server fetches files by their URL."""

    def of(self, prompt: Prompt, refused: Refused) -> Interface:
        """Returns the interface to ask, considering what the model is known to refuse."""
        if self.api is not Api.AUTO:
            return RESPONSES if self.api is Api.RESPONSES else CHAT
        if CHAT_COMPLETIONS in refused:
            return RESPONSES
        if self.is_vendor and _is_about_reasoning(prompt) and self._fault_of(prompt, RESPONSES) is None:
            return RESPONSES
        return CHAT

    def refuse_unsupported(self, prompt: Prompt, interface: Interface, model: str) -> None:
        """Raises Unsupported, naming the field, for what the interface or the model does not accept."""
        if prompt.parts or prompt.options is not NO_OPTIONS or any(turn.parts for turn in prompt.history):
            refuse_first(interface.faults(prompt, fetches_urls=self.fetches_urls))
            if self.is_vendor:
                refuse_first(model_faults(prompt, model, is_chat=interface is CHAT))

    def _fault_of(self, prompt: Prompt, interface: Interface) -> Fault | None:
        return next(interface.faults(prompt, fetches_urls=self.fetches_urls), None)


def _is_about_reasoning(prompt: Prompt) -> bool:
    """Tells whether the caller asks to see reasoning, or sends back reasoning that only the Responses API can read."""
    thinking = prompt.options.thinking
    if thinking is not None and thinking.effort:
        return thinking.effort != "none"
    return any(
        isinstance(part, Reasoning) and part.provider == NAME and bool(part.redacted)
        for turn in prompt.history
        for part in turn.parts
    )
