"""Checks of texts, and the patterns of short names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

Faults: TypeAlias = Iterator[tuple[str, str | None]]
"""Names of fields, and what is wrong with each; None: nothing."""

REQUEST_ID_PATTERN = r"[A-Za-z0-9._:\-]{1,128}"
NAME_PATTERN = r"[A-Za-z0-9_\-]{1,64}"
"""Names of tools and schemas."""
NAME_RULE = "must be 1 to 64 characters of A-Z a-z 0-9 _ -"
WORD_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
"""Values that each provider defines for itself, such as "high" or "flex"."""
WORD_RULE = "must be a word of at most 64 characters of A-Z a-z 0-9 . _ -"
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)
_NAME = re.compile(NAME_PATTERN)
_WORD = re.compile(WORD_PATTERN)


def text_fault(text: object, *, blank_allowed: bool = False) -> str | None:
    """Returns what is wrong with `text`, or None."""
    if not isinstance(text, str):
        return "must be text"
    if not blank_allowed and not text.strip():
        return "must not be blank"
    if "\0" in text:
        return "must not contain NUL (U+0000)"
    if not text.isascii() and not is_utf8(text):
        return "must be valid Unicode, without lone surrogates"
    return None


def is_utf8(text: str) -> bool:
    """Returns whether UTF-8 can encode the text. It cannot encode lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def request_id_fault(request_id: object) -> str | None:
    """Returns what is wrong with `request_id` as an idempotency key, or None."""
    if isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id):
        return None
    return "must be 1 to 128 characters of A-Z a-z 0-9 . _ : -"


def name_fault(name: object) -> str | None:
    """Returns what is wrong with `name` as the name of a tool or a schema, or None."""
    return None if isinstance(name, str) and _NAME.fullmatch(name) else NAME_RULE


def word_fault(word: object) -> str | None:
    """Returns what is wrong with `word` as a value that a provider defines, or None. It may be empty."""
    return None if word == "" or (isinstance(word, str) and _WORD.fullmatch(word)) else WORD_RULE
