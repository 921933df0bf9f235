"""The context in which a reader follows a call."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from server_b.core.calls.reader import Reader


class Admission:
    """Admits a reader to a call at the start of an `async with` block, and lets the reader leave at its end."""

    __slots__ = ("_enter", "_leave", "_reader")

    def __init__(self, enter: Callable[[], Reader], leave: Callable[[Reader, bool], None]) -> None:
        """`leave` gets the reader, and whether the caller left by itself rather than because of an error."""
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
            # A caller who leaves cancels the task or closes the generator: neither raises a subclass of Exception.
            self._leave(self._reader, kind is not None and not issubclass(kind, Exception))
