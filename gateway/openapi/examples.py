"""Examples of requests and responses. The tests check them against the schemas, and send the requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from llm_relay.errors import BudgetExceeded, InvalidRequest, ProviderRateLimited, RelayError, Violation

Example = dict[str, Any]

REQUEST_ID = "2f1c6a50-6a55-4a5e-9d0a-0a4c1c7c1f3e"

PROMPTS: dict[str, Example] = {
    "short": {"summary": "A question", "value": {"message": "When does the sun rise in Oslo in June?"}},
    "conversation": {
        "summary": "A question with earlier turns, and options",
        "value": {
            "message": "And in winter?",
            "context": "Answer in one sentence.",
            "history": [
                {"role": "user", "text": "When does the sun rise in Oslo in June?"},
                {"role": "assistant", "text": "At about four in the morning."},
            ],
            "temperature": 0.2,
            "max_tokens": 100,
        },
    },
    "tools": {
        "summary": "A question with a tool that the model may call",
        "value": {
            "message": "Do I need a coat in Oslo today?",
            "tools": [
                {
                    "name": "get_weather",
                    "description": "Tells the weather of a city",
                    "input_schema": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}},
                        "required": ["city"],
                    },
                }
            ],
        },
    },
}
_USAGE: Example = {
    "promptTokens": 9,
    "completionTokens": 8,
    "totalTokens": 17,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "reasoningTokens": 0,
    "accuracy": "exact",
    "estimatedCost": 0.0001025,
    "priceSource": "genai-prices 0.2.3 openai/gpt-4o",
}
ANSWER: Example = {
    "status": "success",
    "aiResponse": "At about four in the morning.",
    "model": "gpt-4o-2024-08-06",
    "usage": _USAGE,
    "timestamp": "2026-11-22T12:00:00.000Z",
    "processingTime": 0.81,
    "requestId": REQUEST_ID,
    "provider": "openai",
    "finishReason": "stop",
}
EVENTS = """id: 2
data: {"content": "At about four"}

id: 3
data: {"content": " in the morning."}

event: finish
data: {"requestId":"2f1c6a50-6a55-4a5e-9d0a-0a4c1c7c1f3e","model":"gpt-4o-2024-08-06","provider":"openai",\
"finishReason":"stop","usage":{"promptTokens":9,"completionTokens":8,"totalTokens":17,"cacheReadTokens":0,\
"cacheWriteTokens":0,"reasoningTokens":0,"accuracy":"exact","estimatedCost":0.0001025,\
"priceSource":"genai-prices 0.2.3 openai/gpt-4o"},"timestamp":"2026-11-22T12:00:00.000Z","processingTime":0.81}

data: [DONE]

"""
FOUND: Example = {"found": True}
HEALTHY: Example = {
    "status": "healthy",
    "server": "Server B",
    "timestamp": "2026-11-22T12:00:00.000Z",
    "messagesProcessed": 4217,
    "provider": "openai",
    "ai": {"configured": True, "status": "healthy"},
}
UNHEALTHY: Example = {
    "status": "unhealthy",
    "timestamp": "2026-11-22T12:00:00.000Z",
    "error": "Server B cannot be reached",
}
MODELS: Example = {
    "provider": "openai",
    "models": ["gpt-4o"],
    "default": "gpt-4o",
    "object": "list",
    "data": [{"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "openai"}],
}
CONFIG: Example = {"provider": "openai", "defaultModel": "gpt-4o", "temperature": 0.7, "maxTokens": 1000}
ERRORS: dict[type[RelayError], RelayError] = {
    InvalidRequest: InvalidRequest.of(Violation("temperature", "must be a number from 0 to 2")),
    ProviderRateLimited: ProviderRateLimited(retry_after_s=8),
    BudgetExceeded: BudgetExceeded(
        scope="caller:alice",
        limit_nano_usd=50000000000,
        spent_nano_usd=49990000000,
        reserved_nano_usd=0,
        resets_at=datetime(2026, 12, 1, tzinfo=UTC),
    ),
}
"""Errors whose examples have more than the class's own text."""
_GROUP_COUNTS: Example = {
    "calls": 4217,
    "failed": 12,
    "unknown_cost_calls": 3,
    "joined": 40,
    "input_tokens": 1810222,
    "output_tokens": 340118,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": 0,
    "nano_usd": 7926735000,
    "charged_nano_usd": 7930035000,
}
USAGE_GROUPS: Example = {"usage": [{"caller": "alice", **_GROUP_COUNTS}]}
IDENTITY: Example = {
    "name": "gateway/alice",
    "account": "alice",
    "is_admin": False,
    "parent": "search-team",
    "models": ["openai/*"],
    "rates": {"calls_per_minute": 60, "tokens_per_minute": 100000, "concurrent_calls": 5},
    "budgets": [
        {
            "caller": "alice",
            "id": "01938a3e",
            "period": "month",
            "time_zone": "Europe/Oslo",
            "limit_nano_usd": 50000000000,
            "spent_nano_usd": 7930035000,
            "reserved_nano_usd": 20500000,
            "remaining_nano_usd": 47049465000,
            "resets_at": "2026-11-30T23:00:00.000Z",
            "starts_at": "2026-10-31T23:00:00.000Z",
            "is_warning_only": False,
            "raised_by_nano_usd": 5000000000,
            "raised_until": "2026-11-30T23:00:00.000Z",
        }
    ],
}
CALLS: Example = {
    "calls": [
        {
            "id": "0193a1f2-7c1e-7d3a-9a51-1f0e4f0a2b3c",
            "request_id": REQUEST_ID,
            "caller": "gateway/alice",
            "protocol": "http",
            "provider": "openai",
            "model": "gpt-4o-2024-08-06",
            "state": "settled",
            "outcome": "stop",
            "input_tokens": 9,
            "output_tokens": 8,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "accuracy": "exact",
            "nano_usd": 102500,
            "reserved_nano_usd": 10120000,
            "charged_nano_usd": 102500,
            "is_overrun": False,
            "price_source": "genai-prices 0.2.3 openai/gpt-4o",
            "service_tier": "default",
            "joined": 0,
            "started_at": "2026-11-22T11:59:59.190Z",
            "ended_at": "2026-11-22T12:00:00.000Z",
            "first_token_s": 0.41,
            "duration_s": 0.81,
            "tags": {"project": "search"},
            "trace_id": "",
            "attempts": [
                {
                    "provider": "openai",
                    "model": "gpt-4o",
                    "started_at": "2026-11-22T11:59:59.192Z",
                    "ended_at": "2026-11-22T12:00:00.000Z",
                    "outcome": "",
                    "may_have_worked": True,
                }
            ],
        }
    ],
    "next_page_token": "",
}
