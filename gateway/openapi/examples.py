"""Examples of requests and answers; the tests check them against the schemas and send the requests."""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]

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
    "requestId": "2f1c6a50-6a55-4a5e-9d0a-0a4c1c7c1f3e",
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
PROBLEM: Example = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "temperature: must be a number from 0 to 2",
    "reason": "INVALID_REQUEST",
    "requestId": "2f1c6a50-6a55-4a5e-9d0a-0a4c1c7c1f3e",
    "errors": [{"field": "temperature", "detail": "must be a number from 0 to 2"}],
}
