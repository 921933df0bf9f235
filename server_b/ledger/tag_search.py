"""Tags of calls as the tables store them, as JSON text, and SQL that finds calls by tag."""

from __future__ import annotations

import json
from collections.abc import Mapping

HAS_TAG = "(replace(tags, :tag_first, '') <> tags OR replace(tags, :tag_later, '') <> tags)"
"""A condition on `calls`, with the parameters of `tag_params`. It works in both engines and is case-sensitive."""

TAG_VALUE = "tag_value(tags)"
"""The value of a tag of `calls`, or empty, with the parameters of `value_params`. Each engine translates it."""


def tags_text(tags: Mapping[str, str]) -> str:
    """Returns tags as text that HAS_TAG can search."""
    return json.dumps(dict(tags), ensure_ascii=False) if tags else "{}"


def tag_params(tag: str) -> dict[str, str]:
    """Returns the parameters of HAS_TAG for `key=value`, or for `key` with any value.

    Every quote inside a JSON string has a backslash, so that a member and the character before it can be searched
    for as text.
    """
    key, equals, value = tag.partition("=")
    member = f"{_quoted(key)}: {_quoted(value) if equals else ''}"
    return {"tag_first": "{" + member, "tag_later": ", " + member}


def has_tag(tags: str, tag: str) -> bool:
    """Returns whether tags, as JSON, contain a tag, by the rule of HAS_TAG."""
    return any(text in tags for text in tag_params(tag).values())


def value_params(key: str) -> dict[str, str]:
    """Returns the parameters of TAG_VALUE for a key."""
    return {"tag_key": key, "tag_path": "" if '"' in key else f"$.{_quoted(key)}"}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
