"""One line in the log for each call: who, what, how it ended, how long it took, what it cost. Never its text."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

from llm_relay.amounts import dollars
from llm_relay.errors import RelayError
from llm_relay.program.logs.buffered_log import BufferedLog
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.call_key import Key
from server_b.core.calls.record import CallRecord, RefusedRecord, SharedRecord

MAX_FIELD_CHARS = 200
"""Longest value of a field, because callers and providers choose some of them."""

logger = logging.getLogger("relay.calls")


class CallLog:
    """Writes a log line for each call that has ended. Failures are written at once, other lines are buffered."""

    def __init__(self) -> None:
        self._log = BufferedLog(logger, "call")

    def call_ended(self, record: CallRecord) -> None:
        """Logs a call."""
        is_warning = record.error is not None or record.overrun_nano_usd > 0
        self._note(logging.WARNING if is_warning else logging.INFO, functools.partial(_facts, record))

    def call_shared(self, record: SharedRecord) -> None:
        """Logs a request that got another request's answer."""
        self._note(logging.INFO, functools.partial(_shared_facts, record))

    def call_refused(self, record: RefusedRecord) -> None:
        """Logs a request that was not admitted."""
        facts = {
            "request_id": record.error.request_id or None,
            "caller": _bounded(record.caller) if record.caller else None,
            "protocol": record.protocol,
            "rpc": _bounded(record.rpc),
            "outcome": record.error.reason,
            **_cause(record.error),
            **_trace(record.trace_id),
        }
        logger.warning("refused", extra={"facts": facts})

    def close(self) -> None:
        """Writes the buffered lines."""
        self._log.flush()

    def _note(self, level: int, facts: Callable[[], dict[str, Any]]) -> None:
        self._log.note(level, facts)


def _facts(record: CallRecord) -> dict[str, Any]:
    """Returns the fields of a call's line. Times are in seconds from admission."""
    finished, usage = record.finished, record.finished.usage
    facts: dict[str, Any] = {
        **_who(record.key, record.protocol, record.provider),
        "model": _bounded(finished.model),
        "outcome": record.outcome,
        "attempts": len(record.attempts),
        "queue_s": _rounded(record.queue_s),
        "first_token_s": _rounded(record.first_token_s),
        "total_s": _rounded(finished.duration_s),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "accuracy": usage.accuracy.value,
        "usd": None if finished.cost.usd is None else f"{finished.cost.usd:f}",
    }
    if finished.service_tier:
        facts["service_tier"] = _bounded(finished.service_tier)
    if record.overrun_nano_usd:
        facts["overrun_usd"] = dollars(record.overrun_nano_usd).removeprefix("$")
    if record.error is not None:
        facts |= _cause(record.error)
    if tried := _tried(record.attempts):
        facts["tried"] = tried
    return facts if record.trace is None else facts | _trace(record.trace.trace_id)


def _shared_facts(record: SharedRecord) -> dict[str, Any]:
    return {
        **_who(record.key, record.protocol, record.provider),
        "outcome": record.outcome,
        "total_s": _rounded(record.duration_s),
        **_trace("" if record.trace is None else record.trace.trace_id),
    }


def _who(key: Key, protocol: str, provider: str) -> dict[str, Any]:
    return {
        "request_id": key.request_id,
        "caller": _bounded(key.caller),
        "protocol": protocol or None,
        "rpc": key.delivery.value,
        "provider": _bounded(provider),
    }


def _tried(attempts: Sequence[Attempt]) -> str:
    """Returns the provider and the error of each attempt that another attempt followed."""
    failed = [f"{one.provider}:{one.error.reason}" for one in attempts[:-1] if one.error]
    return _bounded(",".join(failed))


def _cause(error: RelayError) -> dict[str, Any]:
    """Returns the detail of an error that only the operator may see."""
    return {"cause": _bounded(error.operator_detail)} if error.operator_detail else {}


def _trace(trace_id: str) -> dict[str, Any]:
    return {"trace_id": trace_id} if trace_id else {}


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_FIELD_CHARS else f"{text[:MAX_FIELD_CHARS]}…"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
