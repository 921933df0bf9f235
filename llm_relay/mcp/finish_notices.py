"""The notice in an incomplete answer. Many clients pass a model the text and nothing else."""

from __future__ import annotations

from llm_relay.messages import FinishReason

NOTICES = {
    FinishReason.LENGTH: "it reached the limit of output tokens; raise max_tokens or ask for the rest",
    FinishReason.CONTENT_FILTER: "the provider's content filter stopped it",
    FinishReason.CANCELLED: "the call was cancelled",
    FinishReason.CONTEXT_EXCEEDED: "the model's context window was full; send a shorter prompt",
    FinishReason.MALFORMED_OUTPUT: "the provider discarded output that it could not parse",
}
"""Why an answer with one of these finish reasons is incomplete."""


def with_finish_notice(text: str, finish_reason: FinishReason | None) -> str:
    """Returns the text, followed by a notice in brackets if the answer is incomplete."""
    if finish_reason not in NOTICES:
        return text
    notice = f"[This answer is incomplete: {NOTICES[finish_reason]} (finish reason: {finish_reason.value}).]"
    return f"{text}\n\n{notice}" if text else notice
