"""Cancellation between anyio, which the MCP SDK runs on, and asyncio, which the relay and grpc.aio run on."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


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


async def apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a task of its own, which is cancelled once when this one is, and waited for.

    anyio knows a cancellation of its own by the text of the CancelledError. grpc.aio raises one without it, and
    anyio then cancels everything around: one cancelled call would end the session with all its other calls.
    """
    task = asyncio.create_task(coroutine)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
    return task.result()
