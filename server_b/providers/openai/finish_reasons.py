"""Why an answer ended, in the words of many vendors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llm_relay.messages import FinishReason

_WORDS: Mapping[FinishReason, str] = {
    FinishReason.STOP: """
        stop stopped eos eos_token end end_turn end_of_turn stop_sequence stop_token complete completed
        finish finished done normal natural
    """,
    FinishReason.LENGTH: """
        length max_length max_tokens max_new_tokens max_output_tokens max_completion_tokens token_limit length_limit
        model_length max_context_length context_length truncated
    """,
    FinishReason.CONTEXT_EXCEEDED: "context_length_exceeded context_window_exceeded model_context_window_exceeded",
    FinishReason.TOOL_CALLS: "tool_calls tool_call tool_use tools function_call function_calls",
    FinishReason.REFUSAL: "refusal refused",
    FinishReason.MALFORMED_OUTPUT: """
        malformed_function_call malformed_tool_call malformed_tool_use malformed_output malformed_model_output
        malformed_response unexpected_tool_call
    """,
    FinishReason.CONTENT_FILTER: """
        content_filter content_filtered content_filter_error content_policy content_policy_violation sensitive safety
        unsafe recitation blocklist blocked prohibited_content spii image_safety moderation moderated flagged
        guardrail guardrails guardrail_intervened error_toxic toxic
    """,
}
_FAILURES = """
    error errored failed failure exception crash abort aborted cancelled canceled interrupted timeout time_out
    network_error server_error internal_error internal_server_error api_error engine_error service_error
    insufficient_system_resource insufficient_system_resources overloaded engine_overloaded unavailable
"""
_FAILURE_WORDS = frozenset(_FAILURES.split())
_REASONS: Mapping[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}
_SEPARATORS = re.compile(r"[\s.\-]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PREFIX = re.compile(r"^(?:finish_?reason_|stop_?reason_)")


def finish_word(reason: str) -> str:
    """Returns a vendor's word in the one form in which it is looked up: `MAX_TOKENS` and `maxTokens` are max_tokens."""
    return _PREFIX.sub("", _SEPARATORS.sub("_", _HUMP.sub("_", reason.strip())).lower())


def is_failure_word(word: str) -> bool:
    """Tells whether the word says that the provider failed."""
    return word in _FAILURE_WORDS


def finish_reason(word: str) -> FinishReason:
    """Returns what the word means; OTHER for a word that is not known."""
    return _REASONS.get(word, FinishReason.OTHER)
