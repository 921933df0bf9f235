"""Work that is cancelled together."""

from __future__ import annotations

import weakref

import anyio


class CancelScopes:
    """Scopes that one call of `cancel` cancels, those that are made later too."""

    def __init__(self) -> None:
        self.cancelled = False
        self._scopes: weakref.WeakSet[anyio.CancelScope] = weakref.WeakSet()

    def scope(self) -> anyio.CancelScope:
        """Makes a scope; once cancelled, its block is left at its next wait, and execution goes on after it."""
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
