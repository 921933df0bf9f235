"""Reads one header of a request. Creating Starlette's Headers in each middleware would take several times as long."""

from __future__ import annotations

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """Returns the first value of a header, or None. `name` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
