"""Examples of requests and responses of OpenAI's interface. The tests check the shapes, and send the requests."""

from __future__ import annotations

import json
from typing import Any

Example = dict[str, Any]

_ID = "2f1c6a50-6a55-4a5e-9d0a-0a4c1c7c1f3e"
_QUESTION = "When does the sun rise in Oslo in June?"
_ANSWER = "At about four in the morning."
_WEATHER: Example = {
    "name": "get_weather",
    "description": "Tells the weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}

CHATS: dict[str, Example] = {
    "short": {
        "summary": "A question",
        "value": {"model": "mock-model", "messages": [{"role": "user", "content": _QUESTION}]},
    },
    "streamed": {
        "summary": "A streamed answer, with usage and cost at its end",
        "value": {
            "model": "mock-model",
            "messages": [
                {"role": "system", "content": "Answer in one sentence."},
                {"role": "user", "content": _QUESTION},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    },
    "tools": {
        "summary": "A question with a tool that the model may call",
        "value": {
            "model": "mock-model",
            "messages": [{"role": "user", "content": "Do I need a coat in Oslo today?"}],
            "tools": [{"type": "function", "function": _WEATHER}],
            "max_completion_tokens": 200,
        },
    },
}
CHAT_ANSWER: Example = {
    "id": f"chatcmpl-{_ID}",
    "object": "chat.completion",
    "created": 1795348800,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": _ANSWER, "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "accuracy": "exact",
        "cost": 0.0001025,
    },
    "relay": {
        "request_id": _ID,
        "provider": "openai",
        "price_source": "genai-prices 0.2.3 openai/gpt-4o",
        "finish_reason": "stop",
    },
}


def _chunk(choices: str, usage: str = "null") -> str:
    head = f'"id":"chatcmpl-{_ID}","object":"chat.completion.chunk","created":1795348800,"model":"gpt-4o-2024-08-06"'
    return f'data: {{{head},"choices":[{choices}],"usage":{usage}}}\n\n'


def _choice(delta: str, finish_reason: str = "null") -> str:
    return f'{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish_reason}}}'


CHAT_EVENTS = "".join(
    (
        _chunk(_choice('"role":"assistant","content":""')),
        _chunk(_choice('"content":"At about four"')),
        _chunk(_choice('"content":" in the morning."')),
        _chunk(_choice("", '"stop"')),
        _chunk("", json.dumps(CHAT_ANSWER["usage"], separators=(",", ":"))),
        "data: [DONE]\n\n",
    )
)
RESPONSE_ANSWER: Example = {
    "id": f"resp_{_ID}",
    "object": "response",
    "created_at": 1795348800,
    "status": "completed",
    "model": "gpt-4o-2024-08-06",
    "output": [
        {
            "id": f"msg_{_ID}_0",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": _ANSWER, "annotations": [], "logprobs": []}],
        }
    ],
    "usage": {
        "input_tokens": 9,
        "output_tokens": 8,
        "total_tokens": 17,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
        "accuracy": "exact",
        "cost": 0.0001025,
    },
    "relay": CHAT_ANSWER["relay"],
}
RESPONSES: dict[str, Example] = {
    "short": {"summary": "A question", "value": {"model": "mock-model", "input": _QUESTION}},
    "conversation": {
        "summary": "A question with earlier turns: nothing is stored, so each request contains the conversation",
        "value": {
            "model": "mock-model",
            "instructions": "Answer in one sentence.",
            "input": [
                {"role": "user", "content": _QUESTION},
                {"role": "assistant", "content": _ANSWER},
                {"role": "user", "content": "And in winter?"},
            ],
            "store": False,
        },
    },
    "tools": {
        "summary": "A streamed answer, and a tool that the model may call",
        "value": {
            "model": "mock-model",
            "input": "Do I need a coat in Oslo today?",
            "tools": [{"type": "function", **_WEATHER}],
            "stream": True,
        },
    },
}
MODELS: Example = {
    "object": "list",
    "data": [{"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "openai"}],
}
MODEL: Example = MODELS["data"][0]
