"""Spans of calls, and of each request to a provider, made from the records of calls that have ended.

Attributes have the names of OpenTelemetry's conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/); those without a name there begin with `relay.`.
Only the span of the last request to a provider has tokens, so that they are not counted twice. No attribute holds text.
"""

from __future__ import annotations

import time

from llm_relay.program.traces.spans import EndedSpan, SpanExport, Value
from llm_relay.trace_context import TraceContext
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.record import CallRecord, RefusedRecord, SharedRecord

CALL = "relay.call"
OPERATION = "chat"
_PROVIDERS = {"bedrock": "aws.bedrock"}
"""Providers' names in the conventions, if they differ from ours."""
_NS = 1_000_000_000


class CallSpans:
    """Exports the spans of calls, as an observer of the Relay."""

    def __init__(self, export: SpanExport) -> None:
        self._export = export

    def call_ended(self, record: CallRecord) -> None:
        """Exports the spans of a call, if its trace is recorded."""
        trace = record.trace
        if trace is None or not trace.is_recorded:
            return
        ended_ns = time.time_ns()
        for attempt in record.attempts:
            if attempt.trace is not None:
                self._export.add(_attempt_span(attempt, attempt.trace, record, ended_ns))
        self._export.add(
            EndedSpan(
                name=CALL,
                context=trace,
                began_ns=trace.began_ns,
                ended_ns=ended_ns,
                attributes=_call_attributes(record),
                error="" if record.error is None else record.error.reason,
            )
        )

    def call_shared(self, record: SharedRecord) -> None:
        """Exports the span of a request that got another request's answer, with a link to the call that it joined."""
        if record.trace is None or not record.trace.is_recorded:
            return
        ended_ns = time.time_ns()
        self._export.add(
            EndedSpan(
                name=CALL,
                context=record.trace.child(),
                began_ns=ended_ns - int(record.duration_s * _NS),
                ended_ns=ended_ns,
                attributes={
                    "relay.request_id": record.key.request_id,
                    "relay.caller": record.key.caller,
                    "relay.protocol": record.protocol,
                    "relay.outcome": record.outcome,
                },
                link=record.joined,
            )
        )

    def call_refused(self, record: RefusedRecord) -> None:
        """Does nothing: the interface's span shows the refusal."""

    def close(self) -> None:
        """Does nothing: the owner of the export sends what has gathered."""


def _call_attributes(record: CallRecord) -> dict[str, Value]:
    finished, usage = record.finished, record.finished.usage
    attributes: dict[str, Value | None] = {
        "gen_ai.provider.name": _provider(record.provider),
        "gen_ai.response.model": finished.model,
        "gen_ai.response.finish_reasons": (finished.finish_reason.value,) if finished.finish_reason else None,
        "relay.request_id": record.key.request_id,
        "relay.caller": record.key.caller,
        "relay.protocol": record.protocol,
        "relay.rpc": record.key.delivery.value,
        "relay.outcome": record.outcome,
        "relay.attempts": len(record.attempts),
        "relay.usage.accuracy": usage.accuracy.value,
        "relay.cost.usd": None if finished.cost.usd is None else float(finished.cost.usd),
        "relay.time_to_first_token": record.first_token_s,
        "error.type": None if record.error is None else record.error.reason,
    }
    return _known(attributes)


def _attempt_span(attempt: Attempt, trace: TraceContext, record: CallRecord, call_ended_ns: int) -> EndedSpan:
    ended_ns = call_ended_ns
    if attempt.ended_at is not None:
        ended_ns = min(call_ended_ns, trace.began_ns + int((attempt.ended_at - attempt.began_at) * _NS))
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": OPERATION,
        "gen_ai.provider.name": _provider(attempt.provider),
        "gen_ai.request.model": attempt.model,
        "relay.request_id": record.key.request_id,
        "relay.round": attempt.round,
        "error.type": None if attempt.error is None else attempt.error.reason,
    }
    if attempt is record.attempts[-1]:
        attributes |= _answered(record)
    return EndedSpan(
        name=f"{OPERATION} {attempt.model[:100]}".rstrip(),
        context=trace,
        began_ns=trace.began_ns,
        ended_ns=ended_ns,
        attributes=_known(attributes),
        error="" if attempt.error is None else attempt.error.reason,
        is_client=True,
    )


def _answered(record: CallRecord) -> dict[str, Value | None]:
    """Returns the attributes of the answer of the last provider that was asked."""
    finished, usage = record.finished, record.finished.usage
    return {
        "gen_ai.response.model": finished.model if record.first_token_s is not None else None,
        "gen_ai.response.finish_reasons": (finished.finish_reason.value,) if finished.finish_reason else None,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
    }


def _provider(name: str) -> str:
    return _PROVIDERS.get(name, name)


def _known(attributes: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}
