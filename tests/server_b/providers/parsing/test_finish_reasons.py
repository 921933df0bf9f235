"""Finish reasons of many vendors map to the contract's."""

import pytest

from llm_relay.messages import FinishReason
from server_b.providers.parsing.finish_reasons import finish_reason, finish_word, is_failure_word

WORDS = {
    FinishReason.STOP: [
        *("stop", "STOP", "eos", "eos_token", "end_turn", "endTurn", "COMPLETE", "stop_sequence", "FINISH_REASON_STOP"),
        *("FinishReason.STOP", "stop-sequence", "Stop", "done", " stop "),
    ],
    FinishReason.LENGTH: [
        *("length", "max_tokens", "MAX_TOKENS", "maxTokens", "model_length", "max_output_tokens", "max-tokens"),
        *("FINISH_REASON_MAX_TOKENS", "truncated", "length_exceeded", "max_total_tokens"),
    ],
    FinishReason.CONTENT_FILTER: [
        *("content_filter", "content_filtered", "sensitive", "SAFETY", "RECITATION", "PROHIBITED_CONTENT"),
        *("guardrail_intervened", "content-filter", "contentFilter", "ERROR_TOXIC", "BLOCKLIST", "SPII"),
        *("policy_blocked", "prompt_filtered"),
    ],
    FinishReason.CONTEXT_EXCEEDED: ["model_context_window_exceeded", "ERROR_LIMIT"],
    FinishReason.TOOL_CALLS: ["tool_calls", "function_call", "tool_use", "toolUse", "TOOL_CALLS"],
    FinishReason.REFUSAL: ["refusal"],
    FinishReason.MALFORMED_OUTPUT: ["MALFORMED_FUNCTION_CALL"],
    FinishReason.OTHER: ["word-of-tomorrow", "OTHER", "?"],
}


@pytest.mark.parametrize(("reason", "word"), [(reason, word) for reason, words in WORDS.items() for word in words])
def test_a_vendors_finish_reason_is_understood(reason: FinishReason, word: str) -> None:
    assert finish_reason(finish_word(word)) is reason
    assert not is_failure_word(finish_word(word))


@pytest.mark.parametrize(
    "word",
    [
        "error",
        "ERROR",
        "network_error",
        "insufficient_system_resource",
        "abort",
        "server_error",
        "cancelled",
        "timeout",
        "user_cancel",
        "server_overloaded",
        "upstream_error",
        "client_disconnected",
        "engine_dead",
        "rate_limit",
    ],
)
def test_a_finish_reason_that_means_a_failure_is_a_failure(word: str) -> None:
    assert is_failure_word(finish_word(word))
