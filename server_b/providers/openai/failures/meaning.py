"""The possible meanings of a provider's failure, with our error and text for each."""

from __future__ import annotations

from typing import NamedTuple

from llm_relay.errors import (
    PROMPT_TOO_LONG,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)


class Meaning(NamedTuple):
    """The RelayError for a provider's failure. Without a text, the default of the class is used."""

    error: type[RelayError]
    text: str = ""
    cause: str = ""
    """The error's `cause`, if it has one."""


RATE_LIMITED = Meaning(ProviderRateLimited)
OVERLOADED = Meaning(ProviderUnavailable, "the provider is overloaded")
UNAVAILABLE = Meaning(ProviderUnavailable)
AUTH = Meaning(ProviderAuth)
NO_CREDIT = Meaning(ProviderAuth, "the provider refuses this server's account: its quota or its credit is used up")
REJECTED = Meaning(ProviderRejected)
TOO_LONG = Meaning(ProviderRejected, "the prompt is too long for this model: shorten its history", PROMPT_TOO_LONG)
FILTERED = Meaning(ProviderRejected, "the provider's content filter refuses the prompt")
TURNS = Meaning(ProviderRejected, "history: this model requires turns of user and assistant to alternate, user first")
SYSTEM_LATER = Meaning(ProviderRejected, "history: this model accepts system messages only at the beginning")
NO_SYSTEM = Meaning(ProviderRejected, "context: this model accepts no system prompt")
UNKNOWN_MODEL = Meaning(UnknownModel)
NOT_FOUND = Meaning(
    UnknownModel,
    "the provider has no such model (GET /models names its models), or OPENAI_BASE_URL is not its address",
)
REDIRECT = Meaning(
    ProviderProtocol, "the provider answers with a redirect, which is not followed: check OPENAI_BASE_URL"
)
PROTOCOL = Meaning(ProviderProtocol)
BROKEN_OFF = Meaning(ProviderProtocol, "the provider ended its answer with an error")
