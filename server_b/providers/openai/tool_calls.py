"""The tool calls of an answer, told apart as servers number and name them, well or badly.

A fragment belongs to the call with its id. One with an id that is new begins a call if it names a tool, although its
index may be another call's: some servers give every call index 0. One without an id belongs to the call with its index,
or to the last call where it has none.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ContentPiece
from server_b.providers.openai.errors import malformed
from server_b.providers.surrogates import Surrogates


@dataclass(slots=True)
class _Call:
    """A call that is being written."""

    id: str
    index: object
    name: str = ""
    block: int = -1
    """Its place in the answer, once it has begun; -1 before its name has come."""
    early: list[str] = field(default_factory=list)
    """Arguments that came before the name."""
    signature: bytes = b""
    surrogates: Surrogates = field(default_factory=Surrogates)


class ToolCalls:
    """The calls of one answer."""

    def __init__(self, next_block: Callable[[], int]) -> None:
        """`next_block` gives the place of a block that begins."""
        self._next_block = next_block
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        """Whether there was any call."""
        return bool(self._calls)

    def take(self, message: Mapping[str, object]) -> Iterator[ContentPiece]:
        """Yields what a delta or a message says of calls; raises ProviderProtocol."""
        fragments = message.get("tool_calls") or []
        if isinstance(fragments, dict):
            fragments = [fragments]
        if not isinstance(fragments, list):
            raise malformed("the tool calls of a message are no list")
        for fragment in fragments:
            if not isinstance(fragment, dict):
                raise malformed("a tool call is no object")
            yield from self._take(fragment)
        if isinstance(legacy := message.get("function_call"), dict):
            yield from self._take({"function": legacy, "index": "function_call"})

    def finished(self) -> Iterator[ContentPiece]:
        """Yields the ends of all calls, when the answer ends. Raises ProviderProtocol for a call without a name."""
        for call in self._calls:
            if call.block < 0:
                raise malformed("a tool call names no tool")
            if half := call.surrogates.rest():
                yield CallArguments(call.block, half)
            yield CallFinished(call.block, call.signature)

    def _take(self, fragment: Mapping[str, object]) -> Iterator[ContentPiece]:
        function = fragment.get("function")
        function = function if isinstance(function, dict) else fragment
        name = function.get("name")
        name = name if isinstance(name, str) else ""
        call = self._call(fragment.get("id"), fragment.get("index"), names_tool=bool(name))
        call.signature = _signature(fragment) or call.signature
        if name and call.block < 0:
            call.name, call.block = call.surrogates.cleaned(name), self._next_block()
            yield CallStarted(call.block, call.surrogates.cleaned(call.id), call.name)
            yield from (CallArguments(call.block, early) for early in call.early)
        if arguments := call.surrogates.joined(_arguments(function.get("arguments"))):
            if call.block < 0:
                call.early.append(arguments)
            else:
                yield CallArguments(call.block, arguments)

    def _call(self, given_id: object, index: object, *, names_tool: bool) -> _Call:
        """Finds the call that a fragment belongs to, or begins one."""
        if isinstance(given_id, str) and given_id:
            if found := self._last(lambda call: call.id == given_id):
                return found
        else:
            given_id = ""
        begins = names_tool and (bool(given_id) or index is None)
        same_index = self._last(lambda call: call.index == index) if index is not None else None
        if not begins and (found := same_index or (self._calls[-1] if index is None and self._calls else None)):
            return found
        call = _Call(str(given_id) or f"call_{uuid.uuid4().hex}", index)
        self._calls.append(call)
        return call

    def _last(self, matches: Callable[[_Call], bool]) -> _Call | None:
        return next((call for call in reversed(self._calls) if matches(call)), None)


def _arguments(arguments: object) -> str:
    """Returns arguments as text; some servers send the object itself."""
    if isinstance(arguments, dict | list):
        return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return arguments if isinstance(arguments, str) else ""


def _signature(fragment: Mapping[str, object]) -> bytes:
    """Returns Gemini's thought signature (https://ai.google.dev/gemini-api/docs/thought-signatures), or nothing."""
    extra = fragment.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature.encode() if isinstance(signature, str) else b""
