"""Tags of calls as the tables have them, JSON in one text, and finding calls by a tag in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping

HAS_TAG = "(replace(tags, :tag_first, '') <> tags OR replace(tags, :tag_later, '') <> tags)"
"""A condition on `calls`, with the parameters of `tag_params`: both engines have it, and it tells A from a."""

TAG_VALUE = "tag_value(tags)"
"""The value of a tag of `calls`, empty without it, with the parameters of `value_params`; each engine translates it."""


def tags_text(tags: Mapping[str, str]) -> str:
    """Writes tags as HAS_TAG expects them."""
    return json.dumps(dict(tags), ensure_ascii=False) if tags else "{}"


def tag_params(tag: str) -> dict[str, str]:
    """Returns the parameters of HAS_TAG for `key=value`, or for `key`, which is any value of it.

    Inside a string of JSON no quote is without a backslash, so that a member, with what is before it, can be searched
    for as text.
    """
    key, equals, value = tag.partition("=")
    member = f"{_quoted(key)}: {_quoted(value) if equals else ''}"
    return {"tag_first": "{" + member, "tag_later": ", " + member}


def has_tag(tags: str, tag: str) -> bool:
    """Whether tags, as JSON, have a tag; as HAS_TAG says."""
    return any(text in tags for text in tag_params(tag).values())


def value_params(key: str) -> dict[str, str]:
    """Returns the parameters of TAG_VALUE for a key."""
    return {"tag_key": key, "tag_path": "" if '"' in key else f"$.{_quoted(key)}"}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
