"""Turns the failure of a call into a RelayError."""

from __future__ import annotations

import functools
import logging
from types import TracebackType

import grpc

from llm_relay.client.channel import Dial
from llm_relay.errors import RelayError, ServerBUnavailable, Unauthenticated
from llm_relay.wire.errors import error_from_call

logger = logging.getLogger("relay")


class raising:  # noqa: N801 - read as a verb: with raising(dial, …)
    """Context manager that raises a RelayError if the call in its block fails.

    A class, because a contextlib generator costs more than the block that it wraps.
    """

    __slots__ = ("_dial", "_of_caller", "_request_id")

    def __init__(self, dial: Dial, request_id: str = "", *, of_caller: bool = False) -> None:
        """`of_caller`: the call sent the token of this program's caller, not its own."""
        self._dial = dial
        self._request_id = request_id
        self._of_caller = of_caller

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, grpc.aio.AioRpcError):
            raise self._named(error_from_call(error)) from error

    def _named(self, error: RelayError) -> RelayError:
        target = self._dial.target
        if isinstance(error, ServerBUnavailable):
            return ServerBUnavailable(
                f"Server B at {target} cannot be reached, or the connection was lost during the call."
                " Start it with `relay server-b` (or `python -m server_b`), or set SERVER_B_TARGET to its address;"
                " `relay check` shows what is wrong",
                request_id=self._request_id,
            )
        if isinstance(error, Unauthenticated):
            if error.is_of_caller or self._of_caller:
                detail = "" if self._of_caller or self._dial.token else _missing_token(target)
                return Unauthenticated(
                    error.message, is_of_caller=True, request_id=self._request_id, operator_detail=detail
                )
            refusal = "refuses this program's token" if self._dial.token else "requires a token"
            fix = "set RELAY_TOKEN to a token from its RELAY_TOKENS or its ledger (`relay tokens create NAME`)"
            return Unauthenticated(f"Server B at {target} {refusal}: {fix}", request_id=self._request_id)
        error.request_id = error.request_id or self._request_id
        return error


def tell_operator(error: Unauthenticated) -> None:
    """Logs what the operator of this program can change, if the error says it; the same text only once."""
    if error.operator_detail:
        _log_once(error.operator_detail)


@functools.cache
def _log_once(text: str) -> None:
    logger.warning("%s", text)


def _missing_token(target: str) -> str:
    return (
        f"Server B at {target} refuses callers without a token, and RELAY_TOKEN is not set here: give callers tokens of"
        " its ledger (`relay tokens create NAME`), or set RELAY_TOKEN to a token from its RELAY_TOKENS"
    )
