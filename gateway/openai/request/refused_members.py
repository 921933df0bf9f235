"""Members that are refused, because ignoring them would change the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.openai.errors import BadParam


def _is_set(value: Any) -> bool:
    return value not in (None, False, [], {}, 0)


_REFUSED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "n": (lambda value: value not in (None, 1) or value is True, "must be 1: the relay returns one answer"),
    "logprobs": (_is_set, "is not supported: providers' log probabilities are not passed on"),
    "top_logprobs": (_is_set, "is not supported: providers' log probabilities are not passed on"),
    "audio": (_is_set, "is not supported: the relay does not support audio"),
    "modalities": (lambda value: value not in (None, [], ["text"]), 'must be ["text"]'),
    "web_search_options": (lambda value: value is not None, "is not supported"),
    "functions": (_is_set, "is not supported: use tools"),
    "function_call": (_is_set, "is not supported: use tool_choice"),
}
"""For each member: whether its value is refused, and why."""


def refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Raises BadParam for the first member whose value the relay refuses."""
    for name, (is_refused, why) in _REFUSED.items():
        if is_refused(body.get(name)):
            raise BadParam(name, f"{name}: {why}")
    refuse_other_tools(body)


def refuse_other_tools(body: Mapping[str, Any], *, namespaces: bool = False) -> None:
    """Raises BadParam for a tool or a choice that is not a function. `namespaces`: groups of functions are allowed."""
    _refuse_others_of(body.get("tools"), "tools", namespaces=namespaces)
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") != "function":
        raise BadParam("tool_choice", "tool_choice: must be none, auto, required or a function")


def _refuse_others_of(tools: Any, place: str, *, namespaces: bool) -> None:
    for index, tool in enumerate(objects(tools)):
        kind = f"{place}[{index}].type"
        if namespaces and tool.get("type") == "namespace":
            _refuse_others_of(tool.get("tools"), f"{place}[{index}].tools", namespaces=False)
        elif tool.get("type") != "function":
            raise BadParam(kind, f"{kind}: must be function: the relay runs no hosted tools; turn the others off")


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Returns the objects in a list, or nothing if the value is not a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


ACCEPTED_AND_REFUSED = frozenset(_REFUSED)
"""Members that are checked here. Those that pass need not be reported as ignored."""
