"""A reader's stay with a call, as a context."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from server_b.core.calls.reader import Reader


class Admission:
    """A reader's stay with a call: `async with` admits it and lets it leave."""

    __slots__ = ("_enter", "_leave", "_reader")

    def __init__(self, enter: Callable[[], Reader], leave: Callable[[Reader, bool], None]) -> None:
        """`leave` is also told whether the caller went away by itself, and not because of an error."""
        self._enter = enter
        self._leave = leave
        self._reader: Reader | None = None

    async def __aenter__(self) -> Reader:
        self._reader = self._enter()
        return self._reader

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            # A caller who goes away cancels the task, or closes the generator; neither raises an Exception.
            self._leave(self._reader, kind is not None and not issubclass(kind, Exception))
