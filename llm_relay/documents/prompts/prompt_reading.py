"""Reads prompts from JSON values, and names every bad field at once."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from llm_relay.documents.json_body import BODY
from llm_relay.documents.prompts.prompt import PromptDocument
from llm_relay.documents.prompts.unreadable import without_unreadable
from llm_relay.documents.shapes import shape_violations
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation
from llm_relay.messages import Prompt

_FIELDS = PromptDocument.model_fields
_REQUIRED = [name for name, field in _FIELDS.items() if field.is_required()]
_KNOWN = "the fields are " + ", ".join(f"{name} (required)" if name in _REQUIRED else name for name in _FIELDS)


def prompt_from_document(document: object, *, request_id: str = "") -> Prompt:
    """Reads a prompt from JSON values; null is the same as absent.

    `request_id` is used if the document has none. Raises InvalidRequest, which names every field that is unknown,
    missing, of the wrong type or out of range.
    """
    if not isinstance(document, Mapping):
        raise InvalidRequest.of(Violation(BODY, f"must be a JSON object; {_KNOWN}"))
    given = {name: value for name, value in document.items() if value is not None and name in _FIELDS}
    if given.get("parts"):
        given.setdefault("message", "")
    if request_id and not given.get("request_id"):
        given["request_id"] = request_id
    unknown = [] if document.keys() <= _FIELDS.keys() else [*_unknown_fields(document)]
    try:
        read = PromptDocument.model_validate(given)
        if not unknown:
            return read.prompt()
        shape: list[Violation] = []
    except ValidationError as error:
        shape = [*shape_violations(error)]
        if len(unknown) + len(shape) > MAX_VIOLATIONS:  # no room to name others
            raise InvalidRequest.of(*unknown, *shape) from None
        read = without_unreadable(given, error)
    raise InvalidRequest.of(*unknown, *shape, *_value_violations(read))


def _unknown_fields(document: Mapping[Any, Any]) -> Iterator[Violation]:
    """Yields only as many as an error can name: a body can have hundreds of thousands."""
    unknown = itertools.islice((name for name in document if name not in _FIELDS), MAX_VIOLATIONS + 1)
    for place, name in enumerate(unknown):
        yield Violation(shown_name(name), f"is not a known field{_hint(name)}{'' if place else f'; {_KNOWN}'}")


def _hint(name: object) -> str:
    close = difflib.get_close_matches(name.lower(), _FIELDS, n=1) if isinstance(name, str) and len(name) < 40 else []
    return f" (did you mean {close[0]}?)" if close else ""


def _value_violations(document: PromptDocument) -> tuple[Violation, ...]:
    try:
        document.prompt()
    except InvalidRequest as error:
        return error.violations
    return ()
