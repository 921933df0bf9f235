"""Reads the tool calls of an answer, and tells them apart even if a server numbers or names them badly.

A fragment belongs to the call with its id, else to the call with its index, else to the last call. A fragment that
names a tool may still begin another call: see `_is_another`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ContentPiece
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.parsing.call_ids import CallIds
from server_b.providers.parsing.json_text import arguments_text, is_whole_object
from server_b.providers.parsing.surrogates import Surrogates

_OLDER = "function_call"
"""Index of calls in the older form, which has no index."""
_ARGUMENTS = ("arguments", "parameters", "input")
"""Members with a function's arguments; only a few servers use the later ones."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """The part of a call in one delta or message."""

    id: str
    """The server's id; empty: it sent none."""
    index: object
    """None: the server sent none."""
    name: str
    arguments: str


@dataclass(slots=True)
class _Call:
    """A call that has not ended."""

    given_id: str
    index: object
    name: str = ""
    block: int = -1
    """Number of its block; -1 until its name has arrived."""
    written: list[str] = field(default_factory=list)
    """The arguments so far."""
    signature: bytes = b""
    surrogates: Surrogates = field(default_factory=Surrogates)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a whole object, which cannot be continued."""
        return is_whole_object("".join(self.written))


class ToolCalls:
    """The calls of one answer."""

    def __init__(self, next_block: Callable[[], int]) -> None:
        """`next_block` returns the number of a new block."""
        self._next_block = next_block
        self._calls: list[_Call] = []
        self._ids = CallIds()
        self._last: _Call | None = None
        """The call of the last fragment."""

    def __bool__(self) -> bool:
        """Whether there was any call."""
        return any(call.block >= 0 for call in self._calls)

    def take(self, message: Mapping[str, object], *, is_whole: bool = False) -> Iterator[ContentPiece]:
        """Yields the pieces of calls in a delta, or in a whole message. Raises ProviderProtocol."""
        fragments = message.get("tool_calls") or []
        if isinstance(fragments, dict):
            fragments = [fragments]
        if not isinstance(fragments, list):
            raise malformed("the tool calls of a message are not a list")
        if is_whole and self._calls and self._are_repeated(fragments):
            return
        for place, fragment in enumerate(fragments):
            if fragment is None:
                continue
            if not isinstance(fragment, dict):
                raise malformed("a tool call is not an object")
            if (more := self._more_of_last(fragment)) is not None:
                if more:
                    yield more
                continue
            is_unnumbered = is_whole and fragment.get("index") is None
            yield from self._take({**fragment, "index": place} if is_unnumbered else fragment)
        # The older form of a call. A server may send the same call in both forms.
        if isinstance(legacy := message.get("function_call"), dict) and all(one.index == _OLDER for one in self._calls):
            yield from self._take({"function": legacy, "index": _OLDER})

    def finished(self) -> Iterator[ContentPiece]:
        """Yields the ends of all calls at the end of the answer. Raises ProviderProtocol for a call without a name."""
        for call in self._calls:
            if call.block < 0:
                if not call.written:  # it consists of empty fragments
                    continue
                raise malformed("a tool call has no name")
            if half := call.surrogates.rest():
                yield CallArguments(call.block, half)
            yield CallFinished(call.block, call.signature)

    def _more_of_last(self, wire: Mapping[str, Any]) -> CallArguments | tuple[()] | None:
        """Takes the usual fragment, which has only more arguments of the same call. Returns None for any other."""
        call, function = self._last, wire.get("function")
        if call is None or call.block < 0 or function.__class__ is not dict or len(function) != 1 or "id" in wire:
            return None
        arguments = function.get("arguments")
        if arguments.__class__ is not str or wire.get("index") != call.index or "extra_content" in wire:
            return None
        if arguments := call.surrogates.joined(arguments):
            call.written.append(arguments)
            return CallArguments(call.block, arguments)
        return ()

    def _take(self, wire: Mapping[str, object]) -> Iterator[ContentPiece]:
        fragment = _fragment(wire)
        call = self._last = self._call(fragment)
        call.signature = _signature(wire) or call.signature
        if fragment.id and fragment.name and call.written and fragment.arguments == "".join(call.written):
            return  # some servers repeat the whole call at its end
        arguments = call.surrogates.joined(fragment.arguments)
        if arguments:
            call.written.append(arguments)
        if fragment.name and call.block < 0:
            call.name, call.block = fragment.name, self._next_block()
            cleaned = call.surrogates.cleaned
            yield CallStarted(call.block, self._ids.own(cleaned(call.given_id)), cleaned(call.name))
            yield from (CallArguments(call.block, early) for early in call.written)
        elif arguments and call.block >= 0:
            yield CallArguments(call.block, arguments)

    def _are_repeated(self, wires: list[object]) -> bool:
        """Tells whether these are all the calls so far, repeated at the end of a stream."""
        again = [_fragment(wire) for wire in wires if isinstance(wire, dict)]
        return len(again) == len(self._calls) and all(
            fragment.id in ("", call.given_id)
            and (fragment.name, fragment.arguments) == (call.name, "".join(call.written))
            for fragment, call in zip(again, self._calls, strict=True)
        )

    def _call(self, fragment: _Fragment) -> _Call:
        """Returns the call that a fragment belongs to, or a new call."""
        found = self._found(fragment)
        if found is not None and not (fragment.name and _is_another(fragment, found)):
            return found
        call = _Call(fragment.id, fragment.index)
        self._calls.append(call)
        return call

    def _found(self, fragment: _Fragment) -> _Call | None:
        same_id = [call for call in self._calls if fragment.id and call.given_id == fragment.id]
        among = same_id or self._calls
        same_index = [call for call in among if fragment.index is not None and call.index == fragment.index]
        if same_index:
            return same_index[-1]
        if same_id or (among and fragment.index is None):
            return among[-1]
        return None


def joined_arguments(pieces: list[ContentPiece]) -> list[ContentPiece]:
    """Joins neighbouring arguments of one call, so that the data of one read becomes one piece."""
    together: list[ContentPiece] = []
    gathered: list[str] = []
    block = -1

    def end() -> None:
        if gathered:
            together.append(CallArguments(block, "".join(gathered), len(gathered)))
            gathered.clear()

    for piece in pieces:
        if not isinstance(piece, CallArguments):
            end()
            together.append(piece)
            continue
        if piece.index != block:
            end()
            block = piece.index
        gathered.append(piece.arguments)
    end()
    return together


def _is_another(fragment: _Fragment, call: _Call) -> bool:
    """Tells whether a fragment that names a tool begins another call, although it has the id or index of `call`.

    Some servers number every call 0, give two calls the same id, or send the name and a new id with each fragment.
    """
    if not call.name:
        return False
    if fragment.name != call.name:
        return True
    if fragment.id and fragment.id == call.given_id:
        numbered_apart = None not in (fragment.index, call.index) and fragment.index != call.index
        repeats = fragment.arguments == "".join(call.written)
        return numbered_apart or (bool(fragment.arguments) and not repeats and call.is_whole)
    if fragment.id or fragment.index is None:
        begins_an_object = "".join(call.written).lstrip().startswith("{")
        return not call.written or call.is_whole or (bool(fragment.id) and not begins_an_object)
    return bool(fragment.arguments.strip()) and call.is_whole


def _fragment(wire: Mapping[str, object]) -> _Fragment:
    function = wire.get("function")
    function = function if isinstance(function, dict) else wire
    name, index = function.get("name"), wire.get("index")
    arguments = next((function[member] for member in _ARGUMENTS if function.get(member) is not None), None)
    return _Fragment(
        id=_id(wire.get("id")),
        index=int(index) if isinstance(index, str) and index.isdecimal() and index.isascii() else index,
        name=name if isinstance(name, str) else "",
        arguments=arguments_text(arguments),
    )


def _id(given: object) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return given if isinstance(given, str) else ""


def _signature(fragment: Mapping[str, object]) -> bytes:
    """Returns Gemini's thought signature (https://ai.google.dev/gemini-api/docs/thought-signatures), or empty bytes."""
    extra = fragment.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature.encode(errors="replace") if isinstance(signature, str) else b""
