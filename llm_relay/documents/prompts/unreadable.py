"""Replaces the values of a prompt's document that cannot be read, so that all others are checked too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from llm_relay.documents.prompts.prompt import PromptDocument

MESSAGE = "-"
_TEXT = "-"
_NAME = "unread"
_OF_TOOLS = frozenset(("tools", "tool_choice"))
"""Fields that are valid only together."""
_SCHEMAS = frozenset(("schema", "input_schema"))
_IDS = {"tool_call": "id", "tool_result": "tool_call_id"}
"""Kinds of parts that are valid only together, and the member that links them."""

Place = tuple[str | int, ...]


def without_unreadable(given: Mapping[str, Any], error: ValidationError) -> PromptDocument:
    """Returns the document with unreadable values left out, or replaced if they are required."""
    readable = {"message": MESSAGE, **given}
    dropped: set[str] = set()
    for detail in error.errors(include_url=False, include_input=False):
        place: Place = detail["loc"]
        field = str(place[0])
        if field == "message" and given.get("message") is None:  # missing: already replaced
            continue
        if field in dropped or not _repair(readable, field, place):
            dropped.add(field)
    while True:
        _drop_what_belongs_to(dropped, readable)
        try:
            # Not model_construct: validation removes null members, which are the same as absent ones.
            return PromptDocument.model_validate({name: readable[name] for name in readable if name not in dropped})
        except ValidationError as rest:  # a value has more than one fault
            named = {str(detail["loc"][0]) for detail in rest.errors(include_url=False, include_input=False)}
            if named <= dropped:
                raise
            dropped |= named


def _drop_what_belongs_to(dropped: set[str], readable: dict[str, Any]) -> None:
    """Adds the fields that are not valid without those that were dropped."""
    if dropped & _OF_TOOLS:
        dropped |= _OF_TOOLS
    if "history" in dropped:  # its calls may have results in the parts
        dropped.add("parts")
    if "parts" in dropped:
        readable["message"] = readable["message"] or MESSAGE
        if readable.get("history") and "history" not in dropped:  # its calls would lack the results in the parts
            readable["history"] = [_without_parts(turn) for turn in readable["history"]]


def _repair(readable: dict[str, Any], field: str, place: Place) -> bool:
    """Replaces what cannot be read in a field, in copies. Returns whether the rest of the field can be read."""
    match field, place:
        case "tools", (_, int(index), *inner):
            stand_in = _tool(readable["tools"][index], index, inner)
            readable["tools"] = _replaced(readable["tools"], index, stand_in)
            if stand_in["name"] == f"{_NAME}_{index}":  # tool_choice may name this tool
                readable["tool_choice"] = None
            return True
        case "parts", (_, int(index), *_):
            if readable["parts"] is None:  # already left out
                return True
            part = _part(readable["parts"][index])
            if part is not None:
                readable["parts"] = _replaced(readable["parts"], index, part)
            return part is not None
        case "history", (_, int(index), *inner):
            return _repair_turn(readable, index, inner)
        case "response_format" | "tool_choice" | "sampling" | "thinking", (_, str(member), *_) if member != "kind":
            if readable[field] is None:  # already left out
                return True
            rest = {name: value for name, value in readable[field].items() if name != member}
            readable[field] = {**rest, member: {}} if member in _SCHEMAS else rest
            return True
        case _:
            return False


def _repair_turn(readable: dict[str, Any], index: int, inner: list[str | int]) -> bool:
    turn = readable["history"][index]
    match inner:
        case ["parts", int(place), *_] if _has_parts(turn) and (part := _part(turn["parts"][place])):
            made: Any = {**turn, "parts": _replaced(turn["parts"], place, part)}
        case _ if _has_parts(turn):
            # The remaining parts would lack some of the calls and results.
            readable["parts"] = None
            readable["message"] = readable["message"] or MESSAGE
            readable["history"] = [_without_parts(one) for one in readable["history"]]
            return True
        case _:
            made = {"role": "user", "text": _TEXT}
    readable["history"] = _replaced(readable["history"], index, made)
    return True


def _tool(tool: object, index: int, inner: list[str | int]) -> dict[str, Any]:
    members: Mapping[str, Any] = tool if isinstance(tool, Mapping) else {}
    stand_in = {"name": f"{_NAME}_{index}", "input_schema": {}}
    name = {"name": members["name"]} if members.get("name") is not None else {}
    match inner:
        case ["input_schema", *_] | ["strict", *_]:
            kept = {key: value for key, value in members.items() if key not in ("input_schema", "strict")}
            return {**stand_in, **kept, **name}
        case _:
            return {**stand_in, **name}


def _part(part: object) -> dict[str, Any] | None:
    """Returns a replacement for a part, or None for a call or a result without a readable id."""
    members: Mapping[str, Any] = part if isinstance(part, Mapping) else {}
    for kind, member in _IDS.items():
        if kind in members:
            inner = members[kind]
            named = inner.get(member) if isinstance(inner, Mapping) else None
            if not isinstance(named, str) or not named:
                return None
            name = inner.get("name")
            call = {"name": name if isinstance(name, str) else _NAME, "arguments": {}} if kind == "tool_call" else {}
            return {kind: {member: named, **call}}
    return {"text": _TEXT}


def _replaced(values: Iterable[Any], index: int, value: object) -> list[Any]:
    return [value if place == index else one for place, one in enumerate(values)]


def _has_parts(turn: object) -> bool:
    """Returns whether a turn has parts. An earlier fault of the same turn may have replaced them."""
    return isinstance(turn, Mapping) and "parts" in turn


def _without_parts(turn: object) -> object:
    has_parts = isinstance(turn, Mapping) and turn.get("parts") is not None
    return {"role": "user", "text": _TEXT} if has_parts else turn
