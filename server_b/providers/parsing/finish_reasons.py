"""Maps the finish reasons of many vendors to the contract's."""

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
    FinishReason.CONTEXT_EXCEEDED: """
        context_length_exceeded context_window_exceeded model_context_window_exceeded error_limit
    """,
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
_FAILURE_WORDS = frozenset({"errored", "insufficient_system_resource", "insufficient_system_resources"})
_KINDS_OF_WORDS: Mapping[FinishReason | None, re.Pattern[str]] = {
    FinishReason.CONTENT_FILTER: re.compile(r"content|filter|polic(?:y|ies)|safety|moderat|sensitive|guardrail"),
    None: re.compile(
        r"(?:^|_)error(?:_|$)|fail(?:ed|ure)|abort|cancel|crash|exception|overload|disconnect|time_?out|interrupt"
        r"|preempt|evict|(?:^|_)oom(?:_|$)|out_of_memory|unavailable|(?:^|_)dead(?:line)?(?:_|$)|rate_limit"
    ),
    FinishReason.LENGTH: re.compile(r"length|(?:^|_)limit|max_|truncat"),
}
"""Patterns for words that are not listed. None: words that say that the provider failed."""
_REASONS: Mapping[str, FinishReason] = {word: reason for reason, words in _WORDS.items() for word in words.split()}
_SEPARATORS = re.compile(r"[\s.\-]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PREFIX = re.compile(r"^(?:finish_?reason_|stop_?reason_)")


def finish_word(reason: str) -> str:
    """Returns a vendor's finish reason in the form that is looked up: `MAX_TOKENS` and `maxTokens` give max_tokens."""
    return _PREFIX.sub("", _SEPARATORS.sub("_", _HUMP.sub("_", reason.strip())).lower())


def is_failure_word(word: str) -> bool:
    """Tells whether the word says that the provider failed."""
    return word in _FAILURE_WORDS or _meaning(word) is None


def finish_reason(word: str) -> FinishReason:
    """Returns what the word means; OTHER for an unknown word."""
    return _meaning(word) or FinishReason.OTHER


def _meaning(word: str) -> FinishReason | None:
    """Returns what the word means; None: the provider failed."""
    # Google writes `function_call_filter: MALFORMED_FUNCTION_CALL`.
    for name in (word, word.rpartition(":")[2].strip("_")):
        if (listed := _REASONS.get(name)) is not None:
            return listed
    kinds = (meaning for meaning, kind in _KINDS_OF_WORDS.items() if kind.search(word))
    return next(kinds, FinishReason.OTHER)
