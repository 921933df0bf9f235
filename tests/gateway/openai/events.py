"""Events of a call, for tests that write them in OpenAI's shapes."""

from datetime import UTC, datetime
from decimal import Decimal

from llm_relay.messages import (
    Accuracy,
    Cost,
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    Usage,
)

STARTED = Started(request_id="r-1", model="m", provider="mock")


def finished(reason: FinishReason = FinishReason.STOP, *, tokens: int | None = 3) -> Finished:
    return Finished(
        finish_reason=reason,
        model="m",
        usage=Usage(input_tokens=tokens, output_tokens=tokens, accuracy=Accuracy.EXACT, reasoning_tokens=1),
        cost=Cost(usd=Decimal("0.000005"), price_source="list"),
        completed_at=datetime(2026, 1, 2, tzinfo=UTC),
        duration_s=1,
        sequence=9,
    )


def call(index: int, name: str, *arguments: str) -> list[Event]:
    identifier = f"c{index}"
    whole = ToolCall(id=identifier, name=name, arguments_json="".join(arguments))
    deltas = [ToolCallDelta(index=index, arguments=piece, sequence=4) for piece in arguments]
    return [
        ToolCallStarted(index=index, id=identifier, name=name, sequence=3),
        *deltas,
        ToolCallFinished(index=index, call=whole, arguments_valid=True, sequence=5),
    ]


def thought(text: str, signature: bytes = b"", *, identifier: str = "") -> ReasoningDelta:
    return ReasoningDelta(index=0, text=text, signature=signature, id=identifier, sequence=2)
