"""The relay's Python client, and what its programs share.

    from llm_relay import Dial, Prompt, RelayClient

    async with RelayClient(Dial(target="127.0.0.1:50051")) as client:
        answer = await client.process(Prompt(message="Hi"))

Names are imported at their first use: `llm_relay.messages` and `llm_relay.errors` need the standard library only.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_relay.client.channel import Dial
    from llm_relay.client.relay_client import RelayClient
    from llm_relay.errors import (
        Cancelled,
        DeadlineExceeded,
        Draining,
        Internal,
        InvalidRequest,
        Overloaded,
        PermissionDenied,
        ProviderAuth,
        ProviderProtocol,
        ProviderRateLimited,
        ProviderRejected,
        ProviderUnavailable,
        RateLimited,
        RelayError,
        ServerBUnavailable,
        TooLarge,
        Unauthenticated,
        UnknownModel,
        Unsupported,
        Violation,
    )
    from llm_relay.messages import (
        Accuracy,
        Answer,
        Cost,
        Delta,
        Event,
        Finished,
        FinishReason,
        Models,
        Prompt,
        Role,
        Started,
        State,
        Status,
        Turn,
        Usage,
    )

VERSION = "0.1.0"

__all__ = [
    "VERSION",
    "Accuracy",
    "Answer",
    "Cancelled",
    "Cost",
    "DeadlineExceeded",
    "Delta",
    "Dial",
    "Draining",
    "Event",
    "FinishReason",
    "Finished",
    "Internal",
    "InvalidRequest",
    "Models",
    "Overloaded",
    "PermissionDenied",
    "Prompt",
    "ProviderAuth",
    "ProviderProtocol",
    "ProviderRateLimited",
    "ProviderRejected",
    "ProviderUnavailable",
    "RateLimited",
    "RelayClient",
    "RelayError",
    "Role",
    "ServerBUnavailable",
    "Started",
    "State",
    "Status",
    "TooLarge",
    "Turn",
    "Unauthenticated",
    "UnknownModel",
    "Unsupported",
    "Usage",
    "Violation",
]

_MODULES = ("llm_relay.messages", "llm_relay.errors", "llm_relay.client.channel", "llm_relay.client.relay_client")
"""Where the names are, cheapest to import first."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(importlib.import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
