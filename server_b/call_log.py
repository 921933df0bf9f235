"""One line in the log for each call: who, what, how it ended, how long it took, what it cost. Never its text."""

from __future__ import annotations

import logging
from typing import Any

from server_b.call import Call
from transport.errors import RelayError
from transport.messages import Finished

logger = logging.getLogger("relay.calls")


def log_call(call: Call, finished: Finished, error: RelayError | None, *, now: float) -> None:
    """Writes the line; times in seconds, `first_token_s` from admission."""
    usage = finished.usage
    facts: dict[str, Any] = {
        "request_id": call.key.request_id,
        "caller": call.key.caller,
        "rpc": call.key.kind.value,
        "provider": call.provider,
        "model": finished.model,
        "outcome": error.reason if error else finished.finish_reason and finished.finish_reason.value,
        "attempts": call.attempts,
        "first_token_s": None if call.first_piece_at is None else round(call.first_piece_at - call.began_at, 4),
        "total_s": round(now - call.began_at, 4),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "accuracy": usage.accuracy.value,
        "usd": None if finished.cost.usd is None else f"{finished.cost.usd:f}",
    }
    logger.log(logging.WARNING if error else logging.INFO, "call", extra={"facts": facts})
