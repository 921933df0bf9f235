"""Server B: holds the keys, asks the provider, counts the cost. Its tools can be imported as coroutines."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server_b.tools import get_provider_info, health_check, process_message, process_message_stream, whoami

__all__ = ["get_provider_info", "health_check", "process_message", "process_message_stream", "whoami"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("server_b.tools"), name)
