"""One line in the log for each call: who, what, how it ended, how long it took, what it cost. Never its text."""

from __future__ import annotations

import functools
import logging
from typing import Any

from llm_relay.errors import RelayError
from llm_relay.messages import Finished
from llm_relay.program.buffered_log import GatheredLog
from server_b.core.call import Call

MAX_RPC_CHARS = 80

logger = logging.getLogger("relay.calls")


class CallLog:
    """Writes the line of each call that has ended."""

    def __init__(self) -> None:
        self._log = GatheredLog(logger, "call")

    def note(self, call: Call, finished: Finished, error: RelayError | None) -> None:
        """Has the line written of a call that ends now: at once if it failed."""
        level = logging.WARNING if error else logging.INFO
        self._log.note(level, functools.partial(_facts, call, finished, error))

    def flush(self) -> None:
        """Writes what has gathered."""
        self._log.flush()


def _facts(call: Call, finished: Finished, error: RelayError | None) -> dict[str, Any]:
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
        "total_s": round(finished.duration_s, 4),
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
