"""A group of cancel scopes that are cancelled together."""

from __future__ import annotations

import weakref

import anyio


class CancelScopes:
    """Makes scopes that one call of `cancel` cancels, including scopes made later."""

    def __init__(self) -> None:
        self.cancelled = False
        self._scopes: weakref.WeakSet[anyio.CancelScope] = weakref.WeakSet()

    def scope(self) -> anyio.CancelScope:
        """Returns a new scope. Once cancelled, its block ends at its next await, and execution continues after it."""
        scope = anyio.CancelScope()
        self._scopes.add(scope)
        if self.cancelled:
            scope.cancel()
        return scope

    def cancel(self) -> None:
        """Cancels all scopes, now and from now on."""
        self.cancelled = True
        for scope in tuple(self._scopes):
            scope.cancel()
