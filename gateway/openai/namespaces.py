"""Functions in namespaces: the provider gets one joined name, and the client gets both names back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from gateway.openai.bodies.responses import NamespaceTool, ResponsesBody, ResponsesTool, ResponsesToolChoice

_LONGEST = 64
"""The longest tool name that every provider accepts."""
_DIGEST_DIGITS = 8


class PlacedTool(NamedTuple):
    """A function and its place in the request."""

    place: str
    namespace: str
    """Empty without a namespace."""
    description: str | None
    """The description of its namespace, then its own."""
    tool: ResponsesTool

    @property
    def name(self) -> str:
        """The name that the provider knows."""
        return joined_name(self.namespace, self.tool.name)


def placed_tools(body: ResponsesBody) -> Iterator[PlacedTool]:
    """Yields every function of the request, in order."""
    for index, tool in enumerate(body.tools or ()):
        place = f"tools[{index}]"
        if not isinstance(tool, NamespaceTool):
            yield PlacedTool(place, "", tool.description, tool)
            continue
        for inner, function in enumerate(tool.tools):
            text = "\n\n".join(filter(None, (tool.description, function.description)))
            yield PlacedTool(f"{place}.tools[{inner}]", tool.name, text, function)


def joined_name(namespace: str | None, name: str) -> str:
    """Returns the joined name of a function and its namespace. It is always the same, in earlier turns too."""
    if not namespace:
        return name
    joined = f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"
    if len(joined) <= _LONGEST:
        return joined
    digest = hashlib.sha256(joined.encode(errors="replace")).hexdigest()[:_DIGEST_DIGITS]
    return f"{joined[: _LONGEST - _DIGEST_DIGITS - 1]}_{digest}"


def chosen_name(body: ResponsesBody, choice: ResponsesToolChoice) -> str:
    """Returns the joined name of the function that must be called. The choice may leave out the namespace."""
    if choice.namespace:
        return joined_name(choice.namespace, choice.name)
    named = [one.name for one in placed_tools(body) if one.tool.name == choice.name]
    return named[0] if len(named) == 1 else choice.name


class CalledNames:
    """The client's names of the functions that the model calls."""

    def __init__(self, body: ResponsesBody) -> None:
        """`body` is the request that lists the functions."""
        self._known = {one.name: (one.namespace, one.tool.name) for one in placed_tools(body) if one.namespace}

    def members(self, name: str) -> dict[str, str]:
        """Returns the members `name` and, if there is one, `namespace` of a call."""
        namespace, inner = self._known.get(name, ("", name))
        return {"namespace": namespace, "name": inner} if namespace else {"name": name}
