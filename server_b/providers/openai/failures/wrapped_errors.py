"""Finds an error that is wrapped in something else: in an event, in JSON text, or in the text of an exception.

Gateways in Python and Node report the exception of their SDK as text: `Error code: 429 - {'error': {'code': …}}`,
`litellm.BadRequestError: AnthropicException - b'{"type":"error",…}'`, `401 {"type":"error",…}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from server_b.providers.parsing.json_text import parse

MAX_SEARCHED_CHARS = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_DATA = re.compile(rb"^data:[ \t]*([{\[].*)", re.MULTILINE)
_STATUS = re.compile(r"\berror code: ([45]\d\d)\b|^([45]\d\d) (?=\{)", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"(?:^[45]\d\d |error code: \d{3} - |(?:exception|error)\b[^{}]{0,100}?- ?)b?['\"]?(?=\{)", re.IGNORECASE
)
"""The start of a document in the text of an exception. A document elsewhere may be a part of the request."""
_MEMBER = re.compile(
    r"\\*['\"](code|type|status|reason)\\*['\"]\s*:\s*\\*['\"]?([a-z][\w.]{1,79}|\d{3,6})\b", re.IGNORECASE
)


def document_of(body: bytes) -> dict[str, object] | list[object] | None:
    """Returns the document in the body of an error: the body itself, its first event, or JSON within a JSON text.

    Returns None if there is none, or if it is empty.
    """
    plain = body.removeprefix(_BYTE_ORDER_MARK)
    found = _DATA.search(plain)
    for text in (plain, *([found[1]] if found else [])):
        try:
            document = parse(text)
        except ValueError:
            continue
        if isinstance(document, str):
            document = document_within(document)
        if isinstance(document, dict | list) and document:
            return document
    return None


def document_within(text: str) -> object | None:
    """Returns the document that a text consists of; None if it is no document."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        document = parse(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return document if isinstance(document, dict | list) else None


def status_within(text: str) -> int | None:
    """Returns the HTTP status in the text of an exception; None if it has none."""
    found = _STATUS.search(text)
    return int(found[1] or found[2]) if found else None


def members_within(text: str) -> Iterator[tuple[str, str]]:
    """Yields the codes, types and similar members of the document in the text of an exception."""
    if start := _DOCUMENT.search(text):
        for found in _MEMBER.finditer(text, start.end(), start.end() + MAX_SEARCHED_CHARS):
            yield found[1].lower(), found[2]
