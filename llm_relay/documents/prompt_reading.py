"""Prompts from JSON values, with every bad field named at once."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from llm_relay.documents.json_body import BODY
from llm_relay.documents.prompt import PromptDocument
from llm_relay.documents.shapes import shape_violations
from llm_relay.documents.shown_names import shown_name
from llm_relay.documents.turns import TurnDocument
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation
from llm_relay.messages import Prompt

_FIELDS = PromptDocument.model_fields
_REQUIRED = [name for name, field in _FIELDS.items() if field.is_required()]
_KNOWN = "the fields are " + ", ".join(f"{name} (required)" if name in _REQUIRED else name for name in _FIELDS)
# What stands in for an unreadable value, so that the others are checked and named by their places.
_UNREAD_MESSAGE = "-"
_UNREAD_TURN: TurnDocument = {"role": "user", "text": "-"}
_OF_TOOLS = frozenset(("tools", "tool_choice"))
"""Fields that are valid together only."""


def prompt_from_document(document: object, *, request_id: str = "") -> Prompt:
    """Reads a prompt from JSON values; null is the same as absent.

    `request_id` is used where the document has none. Raises InvalidRequest that names every field that is unknown,
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
        read = _without_unreadable(given, error)
    raise InvalidRequest.of(*unknown, *shape, *_value_violations(read))


def _unknown_fields(document: Mapping[Any, Any]) -> Iterator[Violation]:
    """Yields as many as an error can name: a body can have hundreds of thousands."""
    unknown = itertools.islice((name for name in document if name not in _FIELDS), MAX_VIOLATIONS + 1)
    for place, name in enumerate(unknown):
        yield Violation(shown_name(name), f"is not a known field{_hint(name)}{'' if place else f'; {_KNOWN}'}")


def _hint(name: object) -> str:
    close = difflib.get_close_matches(name.lower(), _FIELDS, n=1) if isinstance(name, str) and len(name) < 40 else []
    return f" (did you mean {close[0]}?)" if close else ""


def _without_unreadable(given: dict[str, Any], error: ValidationError) -> PromptDocument:
    """Makes the document with what could not be read left out, or replaced where something must stand."""
    readable = {"message": _UNREAD_MESSAGE, **given}
    places = [detail["loc"] for detail in error.errors(include_url=False, include_input=False)]
    fields = {str(place[0]) for place in places}
    turns = {int(place[1]) for place in places if place[0] == "history" and len(place) > 1}
    if fields & _OF_TOOLS:
        fields |= _OF_TOOLS
    if given.get("message") is None:
        fields.discard("message")
    if "parts" in fields or any(len(place) > 2 for place in places if place[0] == "history"):
        # What is left of the parts would miss calls and results that are there.
        fields.add("parts")
        turns |= {place for place, turn in enumerate(given.get("history") or ()) if _has_parts(turn)}
        readable["message"] = readable["message"] or _UNREAD_MESSAGE
    if turns:
        fields.discard("history")
        readable["history"] = [_UNREAD_TURN if place in turns else turn for place, turn in enumerate(given["history"])]
    return PromptDocument.model_construct(**{name: readable[name] for name in readable if name not in fields})


def _has_parts(turn: object) -> bool:
    return isinstance(turn, Mapping) and turn.get("parts") is not None


def _value_violations(document: PromptDocument) -> tuple[Violation, ...]:
    try:
        document.prompt()
    except InvalidRequest as error:
        return error.violations
    return ()
