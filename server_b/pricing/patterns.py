"""Patterns of `provider/model`, with `*` for any text and `?` for one character."""

from __future__ import annotations

import functools
import re

_WILD = {"*": ".*", "?": "."}


def matches(pattern: str, provider: str, model: str) -> bool:
    """Tells whether the pattern matches a provider's model. Letter case matters."""
    return _compiled(pattern).fullmatch(f"{provider}/{model}") is not None


def may_match(pattern: str, provider: str) -> bool:
    """Tells whether the pattern may match a model of this provider."""
    name = pattern.partition("/")[0]
    start, star, _ = name.partition("*")
    return _compiled(start).fullmatch(provider[: len(start)] if star else provider) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_WILD.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)
