"""JSON as clients send it: bytes to Python values, strictly, with an error that says what is wrong and where."""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from llm_relay.documents.raw_json import RAW_MEMBERS, RawJson, has_raw_members, raw_members
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import InvalidRequest, Violation

BODY = "(body)"
"""The name of the whole body, if no single field is at fault."""
LONGEST_WHOLE_NUMBER = 20
"""In digits. No field accepts more, and Python refuses to read thousands of them."""
MAX_VALUES = 250_000
"""How many values one body may have. A prompt needs a few for each turn; parsing a million takes seconds."""

ENVELOPE_BYTES = 64 * 1024
"""How much a body may contain besides its message."""


def max_body_bytes(max_message_bytes: int) -> int:
    """Returns the size limit of a JSON body for messages of `max_message_bytes`, whose bytes are in base64."""
    return max_message_bytes * 4 // 3 + ENVELOPE_BYTES


def parse_json(body: bytes | bytearray, *, keeps_raw: bool = True) -> object:
    """Parses JSON in UTF-8, with or without a byte order mark.

    Raises InvalidRequest if it is malformed, in another encoding, nested too deeply, has more than MAX_VALUES values,
    or names a member twice.
    Accepts NaN, infinities and lone surrogates, so that the check of fields can name the field that has one.
    The values of RAW_MEMBERS are RawJson, unless `keeps_raw` is False.
    """
    if has_more_values(body, MAX_VALUES):
        raise _refusal(f"has more than {MAX_VALUES} values")
    text = _decoded(body)
    try:
        return (_decoder(text) if keeps_raw else _DECODER).decode(text)
    except json.JSONDecodeError as error:
        if not text.strip():
            raise _refusal("is empty: send a JSON object") from error
        place = f"line {error.lineno}, column {error.colno}"
        raise _refusal(f"is not valid JSON at {place}") from error
    except RecursionError as error:
        raise _refusal("is nested too deeply") from error


# An unterminated string matches up to the end of the body. Otherwise each quote in it would be tried as a start.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)


def has_more_values(body: bytes | bytearray, most: int) -> bool:
    """Returns whether the JSON has more than `most` values, without parsing it."""
    return _separators(body) > most and _separators(_STRING.sub(b"", body)) > most


def _separators(text: bytes | bytearray) -> int:
    return text.count(b",") + text.count(b":")


def _decoded(body: bytes | bytearray) -> str:
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8"):
        raise _refusal(f"is {encoding[:6].upper()}: send it as UTF-8")
    try:
        return body.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise _refusal(f"is not valid UTF-8 at byte {error.start}") from error


def _refusal(text: str) -> InvalidRequest:
    return InvalidRequest.of(Violation(BODY, text))


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) < len(members):
        raise InvalidRequest.of(Violation(shown_name(_repeated(members)), "must not be given twice in one object"))
    return document


def _object_with_raw_members(raw: Iterator[dict[str, RawJson]], members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = _object(members)
    if not RAW_MEMBERS.isdisjoint(document):
        document.update(next(raw))
    return document


def _repeated(members: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError


def whole_number(text: str) -> int | float:
    """Reads a whole number of JSON. A number too long for any field becomes a float."""
    return int(text) if len(text) <= LONGEST_WHOLE_NUMBER else float(text)


# Not orjson: it accepts duplicate members, and refuses NaN and lone surrogates without naming the field. For a long
# text both take the same time.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=whole_number)


def _decoder(text: str) -> json.JSONDecoder:
    if not has_raw_members(text):
        return _DECODER
    hook = functools.partial(_object_with_raw_members, raw_members(text))
    return json.JSONDecoder(object_pairs_hook=hook, parse_int=whole_number)
