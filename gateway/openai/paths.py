"""The paths of OpenAI's interface. Their errors have OpenAI's shape."""

from __future__ import annotations

PREFIX = "/v1"
_BARE = frozenset(("/chat/completions", "/responses"))
_BARE_MODELS = "/models/"


def is_openai_path(path: str) -> bool:
    """Returns whether a path belongs to OpenAI's interface."""
    return path == PREFIX or path.startswith((f"{PREFIX}/", _BARE_MODELS)) or path.rstrip("/") in _BARE
