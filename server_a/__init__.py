"""Server A: an MCP server on the user's side. Its tools are also coroutines: `await send_message("Hi")`."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from server_a.tools import (
        check_server_b_health,
        get_server_b_config,
        list_available_models,
        send_message,
        send_message_stream,
        whoami,
    )

__all__ = [
    "check_server_b_health",
    "get_server_b_config",
    "list_available_models",
    "send_message",
    "send_message_stream",
    "whoami",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("server_a.tools"), name)
