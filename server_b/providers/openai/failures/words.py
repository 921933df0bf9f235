"""The meanings of words and numbers in providers' errors.

Sources: the published error lists of OpenAI, Azure, Anthropic, Google, AWS, Mistral, Groq, DeepSeek, xAI, Zhipu,
Moonshot, Alibaba, Volcengine, MiniMax, OpenRouter, Together, Databricks, and the sources of vLLM, llama.cpp, LiteLLM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from server_b.providers.openai.failures.failure import plain_word
from server_b.providers.openai.failures.meaning import (
    AUTH,
    FILTERED,
    NO_CREDIT,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    TOO_LONG,
    TURNS,
    UNAVAILABLE,
    UNKNOWN_MODEL,
    Meaning,
)

_PRECISE: Mapping[Meaning, str] = {
    NO_CREDIT: """
        insufficient_quota billing_not_active billing_hard_limit_reached billing_error exceeded_current_quota_error
        insufficient_balance insufficient_credits insufficient_funds payment_required Arrearage AccountOverdueError
        budget_exceeded ExceededBudget credits_exhausted out_of_credits AllocationQuota.FreeTierOnly BILLING_DISABLED
        quota_exhausted blocked_api_access account_overdue 1113 1309 minimax1008
    """,
    AUTH: """
        invalid_api_key incorrect_api_key API_KEY_INVALID API_KEY_SERVICE_BLOCKED API_KEY_EXPIRED CREDENTIALS_MISSING
        ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_TYPE_UNSUPPORTED CONSUMER_INVALID CONSUMER_SUSPENDED SERVICE_DISABLED
        USER_PROJECT_DENIED authentication_error invalid_authentication invalid_authentication_error auth_error
        UNAUTHENTICATED unauthorized invalid_organization mismatched_organization mismatched_project missing_scope
        ip_not_authorized wrong_api_key
        account_deactivated account_not_active account_suspended access_terminated access_terminated_error
        organization_deactivated organization_restricted missing_api_key no_api_key expired_api_key api_key_expired
        AccessDeniedException UnrecognizedClientException InvalidSignatureException ExpiredTokenException ExpiredToken
        MissingAuthenticationTokenException IncompleteSignatureException InvalidClientTokenId AccessDenied.Unpurchased
        key_model_access_denied token_not_found_in_db expired_key unsupported_country_region_territory
        1000 1001 1002 1003 1004 1110 1111 1112 1120 1121 1220 1311 minimax1004
    """,
    UNKNOWN_MODEL: """
        model_not_found invalid_model unknown_model unavailable_model model_not_available model_not_exist
        unsupported_model model_decommissioned model_deprecated ModelNotOpen model_not_found_error
        DeploymentNotFound ENDPOINT_NOT_FOUND InvalidEndpointOrModel.NotFound 1211
    """,
    TOO_LONG: """
        context_length_exceeded exceed_context_size_error ContextWindowExceededError context_window_exceeded
        string_above_max_length request_too_large prompt_too_long input_too_long max_context_length_exceeded
        tokens_limit_reached 1261 minimax1039
    """,
    FILTERED: """
        content_filter content_policy_violation ResponsibleAIPolicyViolation DataInspectionFailed
        data_inspection_failed ContentPolicyViolationError SensitiveContentDetected InputTextSensitiveContentDetected
        moderation_blocked 1300 1301 minimax1026 minimax1027
    """,
    TURNS: "invalid_request_message_order",
    RATE_LIMITED: """
        rate_limit_exceeded rate_limit_error rate_limit_reached rate_limit_reached_error rate_limited
        RateLimitError too_many_requests TooManyRequestsException ThrottlingException Throttling ThrottlingError
        limit_requests REQUEST_LIMIT_EXCEEDED 1302 1303 1304 1305 1308 1310 minimax1002
    """,
    OVERLOADED: """
        overloaded overloaded_error engine_overloaded engine_overloaded_error capacity_exceeded over_capacity
        service_tier_capacity_exceeded ServerOverloaded model_overloaded NoCapacity slow_down unavailable_error
        ModelNotReadyException TEMPORARILY_UNAVAILABLE insufficient_system_resource insufficient_system_resources 1312
    """,
}
_PLAIN: Mapping[Meaning, str] = {
    RATE_LIMITED: "RESOURCE_EXHAUSTED requests tokens quota_exceeded",
    OVERLOADED: "UNAVAILABLE service_unavailable service_unavailable_error ServiceUnavailableException",
    UNAVAILABLE: """
        INTERNAL internal_error internal_server_error InternalServerException api_error server_error timeout
        timeout_error DEADLINE_EXCEEDED ModelTimeoutException ModelErrorException network_error service_error
        engine_error upstream_error provider_error bad_gateway APIConnectionError 1200 1230 1234
    """,
    AUTH: "PERMISSION_DENIED permission_error permission_denied_error forbidden",
    UNKNOWN_MODEL: "not_found_error NotFoundError resource_not_found_error ResourceNotFoundException NOT_FOUND",
    REJECTED: """
        invalid_request_error BadRequestError bad_request INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE
        invalid_parameter_error InvalidParameter INVALID_PARAMETER_VALUE ValidationException validation_error
        unprocessable_entity_error validation invalid_prompt not_supported_error 1210 1212 1213 1214 1215
    """,
}


KINDS_OF_WORDS: Mapping[Meaning, re.Pattern[str]] = {
    NO_CREDIT: re.compile(
        r"(?:insufficient|notenough)\w*(?:quota|balance|credit|fund)|(?:balance|credits?)\w*(?:insufficient|exhausted)"
        r"|(?:credit|spend|spending|billing)limit|arrears?\b"
    ),
    AUTH: re.compile(
        r"(?:invalid|incorrect|wrong|expired|missing|unknown|revoked|blocked|disabled)api(?:key|token)"
        r"|authfail|apikey\w*(?:invalid|expired|revoked|blocked|disabled)"
    ),
    UNKNOWN_MODEL: re.compile(r"(?:model|deployment)\w*not(?:found|exist|available|supported)|(?:no|unknown)suchmodel"),
    TOO_LONG: re.compile(
        r"(?:context|prompt|input)\w*(?:exceed|toolong|toolarge|overflow)|exceed\w*context|outofcontext"
    ),
    FILTERED: re.compile(r"contentfilter|contentpolicy|sensitivecontent|moderation|censor"),
    RATE_LIMITED: re.compile(r"ratelimit|toomanyrequests|throttl"),
    OVERLOADED: re.compile(r"overload"),
}
"""Patterns for plain words that are not listed."""


def _by_word(words: Mapping[Meaning, str]) -> Mapping[str, Meaning]:
    return {plain_word(word): meaning for meaning, text in words.items() for word in text.split()}


BY_PRECISE_WORD = _by_word(_PRECISE)
"""Words that are more precise than a status."""
BY_PLAIN_WORD = _by_word(_PLAIN)
"""Words that say the same as a status, for failures without one."""
