"""Parses JSON, and finds and refuses members that are given twice in one object.

Parsers differ in which of the two they keep, so a filter in front of the relay might check another value than the one
that the relay reads.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from llm_relay.documents.json_body import whole_number
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation

UTF8_BOM = b"\xef\xbb\xbf"


class RepeatingObject(dict[str, Any]):
    """A JSON object in which members were given twice. It has the last of each."""

    repeated: tuple[str, ...]


def parse_noting_repeats(text: bytes) -> tuple[Any, list[RepeatingObject]]:
    """Returns the value, and the objects in it that repeat a member.

    Raises ValueError if the text is not JSON in UTF-8, or nested too deeply.
    """
    repeating: list[RepeatingObject] = []
    decoder = json.JSONDecoder(object_pairs_hook=lambda members: _object(members, repeating), parse_int=whole_number)
    try:
        return decoder.decode(text.removeprefix(UTF8_BOM).decode()), repeating
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def repeating_objects(value: object) -> Iterator[RepeatingObject]:
    """Yields the objects in a parsed value that repeat a member."""
    remaining = [value]
    while remaining:
        value = remaining.pop()
        if isinstance(value, RepeatingObject):
            yield value
        if isinstance(value, dict):
            remaining += value.values()
        elif isinstance(value, list):
            remaining += value


def repeated_names(objects: Iterable[RepeatingObject]) -> tuple[str, ...]:
    """Returns the names of the repeated members, each once, as many as an error can name."""
    names = dict.fromkeys(name for found in objects for name in found.repeated)
    return tuple(shown_name(name) for name in itertools.islice(names, MAX_VIOLATIONS))


def refuse_repeated(names: Iterable[str]) -> None:
    """Raises InvalidRequest with these names: members that are given twice in one object."""
    if violations := [Violation(name, "must not be given twice in one object") for name in names]:
        raise InvalidRequest.of(*violations)


def _object(members: list[tuple[str, Any]], repeating: list[RepeatingObject]) -> dict[str, Any]:
    plain = dict(members)
    if len(plain) == len(members):
        return plain
    found = RepeatingObject(plain)
    found.repeated = tuple(name for name, times in Counter(name for name, _ in members).items() if times > 1)
    repeating.append(found)
    return found
