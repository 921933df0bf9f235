"""One line in the log for each call: who, what, how it ended, how long it took, what it cost. Never its text."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from server_b.call import Call
from transport.errors import RelayError
from transport.messages import Finished

MAX_RPC_CHARS = 80
GATHER_S = 0.01
"""What a server that is killed (-9) may lose of its log; one that is stopped loses nothing."""

logger = logging.getLogger("relay.calls")


class CallLog:
    """Writes the line of each call that has ended: at once if it failed, else with others of the last GATHER_S.

    Each by itself, amid the work of other calls, a line takes a tenth of a call's CPU.
    """

    def __init__(self) -> None:
        self._ended: list[tuple[Call, Finished, RelayError | None, float]] = []

    def note(self, call: Call, finished: Finished, error: RelayError | None) -> None:
        """Has the line written of a call that ends now."""
        loop = asyncio.get_running_loop()
        self._ended.append((call, finished, error, loop.time()))
        if error is not None:
            self.flush()
        elif len(self._ended) == 1:
            loop.call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Writes what has gathered."""
        ended, self._ended = self._ended, []
        for call, finished, error, ended_at in ended:
            level = logging.WARNING if error else logging.INFO
            logger.log(level, "call", extra={"facts": _facts(call, finished, error, ended_at)})


def _facts(call: Call, finished: Finished, error: RelayError | None, ended_at: float) -> dict[str, Any]:
    """What the line tells; times in seconds from admission: until the provider was asked, its first token, the end."""
    usage = finished.usage
    facts: dict[str, Any] = {
        "request_id": call.key.request_id,
        "caller": call.key.caller,
        "door": call.door or None,
        "rpc": call.key.kind.value,
        "provider": call.provider,
        "model": finished.model,
        "outcome": error.reason if error else finished.finish_reason and finished.finish_reason.value,
        "attempts": call.attempts,
        "queue_s": _since(call, call.asked_at),
        "first_token_s": _since(call, call.first_piece_at),
        "total_s": _since(call, ended_at),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "accuracy": usage.accuracy.value,
        "usd": None if finished.cost.usd is None else f"{finished.cost.usd:f}",
    }
    if call.failures:
        facts["tried"] = ",".join(f"{failure.provider}:{failure.error.reason}" for failure in call.failures)
    return facts


def log_refusal(rpc: str, error: RelayError, *, door: str = "grpc") -> None:
    """Writes the line of a call that was refused before it was admitted; a stranger may have chosen `rpc`."""
    facts = {"request_id": error.request_id or None, "door": door, "rpc": rpc[:MAX_RPC_CHARS], "outcome": error.reason}
    logger.warning("refused", extra={"facts": facts})


def _since(call: Call, at: float | None) -> float | None:
    return None if at is None else round(at - call.began_at, 4)
