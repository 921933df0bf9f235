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
    from llm_relay.client_retry import ClientRetry
    from llm_relay.errors import (
        BudgetExceeded,
        Cancelled,
        DeadlineExceeded,
        Draining,
        Internal,
        InvalidRequest,
        LedgerUnavailable,
        Overloaded,
        PermissionDenied,
        PriceUnknown,
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
        CachePoint,
        Cost,
        Delta,
        Document,
        Event,
        Finished,
        FinishReason,
        Image,
        Model,
        Models,
        Options,
        OutputDelta,
        Part,
        Prompt,
        Reasoning,
        ReasoningDelta,
        Refusal,
        RefusalDelta,
        ResponseFormat,
        ResponseKind,
        Role,
        Sampling,
        Started,
        State,
        Status,
        TextPart,
        Thinking,
        Tool,
        ToolCall,
        ToolCallDelta,
        ToolCallFinished,
        ToolCallStarted,
        ToolChoice,
        ToolChoiceMode,
        ToolResult,
        Turn,
        Usage,
    )

VERSION = "0.1.0"

__all__ = [
    "VERSION",
    "Accuracy",
    "Answer",
    "BudgetExceeded",
    "CachePoint",
    "Cancelled",
    "ClientRetry",
    "Cost",
    "DeadlineExceeded",
    "Delta",
    "Dial",
    "Document",
    "Draining",
    "Event",
    "FinishReason",
    "Finished",
    "Image",
    "Internal",
    "InvalidRequest",
    "LedgerUnavailable",
    "Model",
    "Models",
    "Options",
    "OutputDelta",
    "Overloaded",
    "Part",
    "PermissionDenied",
    "PriceUnknown",
    "Prompt",
    "ProviderAuth",
    "ProviderProtocol",
    "ProviderRateLimited",
    "ProviderRejected",
    "ProviderUnavailable",
    "RateLimited",
    "Reasoning",
    "ReasoningDelta",
    "Refusal",
    "RefusalDelta",
    "RelayClient",
    "RelayError",
    "ResponseFormat",
    "ResponseKind",
    "Role",
    "Sampling",
    "ServerBUnavailable",
    "Started",
    "State",
    "Status",
    "TextPart",
    "Thinking",
    "TooLarge",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolChoice",
    "ToolChoiceMode",
    "ToolResult",
    "Turn",
    "Unauthenticated",
    "UnknownModel",
    "Unsupported",
    "Usage",
    "Violation",
]

_MODULES = (
    "llm_relay.messages",
    "llm_relay.errors",
    "llm_relay.client_retry",
    "llm_relay.client.channel",
    "llm_relay.client.relay_client",
)
"""Where the names are, cheapest to import first."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(importlib.import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
