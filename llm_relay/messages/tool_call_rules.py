"""Tool calls and their results: each call is answered exactly once, in the user turn that follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_relay.errors import Violation
from llm_relay.messages.parts import Part, ToolCall, ToolResult
from llm_relay.messages.turns import Role, Turn

Calls = dict[str, str]
"""Ids of the calls of one assistant turn, and the place of each."""


def tool_call_violations(history: Iterable[Turn], parts: tuple[Part, ...]) -> Iterator[Violation]:
    """Yields each call without a result and each result without a call; `parts` are what the user says now."""
    calls: Calls = {}
    for place, role, turn in _turns(history, parts):
        if role is Role.SYSTEM:
            continue
        if role is Role.USER:
            yield from _result_violations(place, turn, calls)
        for unanswered in calls.values():
            yield Violation(unanswered, "must be answered by a tool_result in the next user turn")
        calls = {}
        if role is Role.ASSISTANT:
            yield from _collect(place, turn, calls)


def _turns(history: Iterable[Turn], parts: tuple[Part, ...]) -> Iterator[tuple[str, Role, tuple[Part, ...]]]:
    for index, turn in enumerate(history):
        yield f"history[{index}].parts", turn.role, turn.parts
    yield "parts", Role.USER, parts


def _result_violations(place: str, parts: tuple[Part, ...], calls: Calls) -> Iterator[Violation]:
    """Yields each result without a call, and removes answered calls from `calls`."""
    for index, part in enumerate(parts):
        if not isinstance(part, ToolResult) or not isinstance(part.tool_call_id, str):  # the part's own rule names it
            continue
        if calls.pop(part.tool_call_id, None) is None:
            where = f"{place}[{index}].tool_result.tool_call_id"
            yield Violation(where, "must be the id of a call in the previous assistant turn, and answer it only once")


def _collect(place: str, parts: tuple[Part, ...], calls: Calls) -> Iterator[Violation]:
    for index, part in enumerate(parts):
        if isinstance(part, ToolCall) and isinstance(part.id, str):
            where = f"{place}[{index}].tool_call"
            if part.id in calls:
                yield Violation(f"{where}.id", "must not be the id of another call of the same turn")
            calls[part.id] = where
