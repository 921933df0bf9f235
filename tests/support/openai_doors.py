"""OpenAI's two interfaces of the gateway, called as their clients do, as doors like the others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from tests.support.refusal import Document, OnText, Refusal

_REASONS = {
    "invalid_value": "INVALID_REQUEST",
    "invalid_api_key": "UNAUTHENTICATED",
    "model_not_found": "UNKNOWN_MODEL",
    "insufficient_quota": "BUDGET_EXCEEDED",
    "rate_limit_exceeded": "PROVIDER_RATE_LIMITED",
    "context_length_exceeded": "PROVIDER_REJECTED",
}
"""The reason for OpenAI's code; every other code is itself a reason."""


class ChatDoor:
    """`/v1/chat/completions`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def whole(self, **fields: Any) -> Document:
        response = await self._client.post("/v1/chat/completions", json=_chat(**fields))
        document = _document(response)
        return {"aiResponse": document["choices"][0]["message"]["content"]}

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        asked = {**_chat(**fields), "stream": True}
        async with self._client.stream("POST", "/v1/chat/completions", json=asked) as response:
            finish: Document | None = None
            async for data in _events(response):
                if data == "[DONE]":
                    assert finish is not None, "[DONE] without a finish reason"
                    return finish
                chunk = json.loads(data)
                if "error" in chunk:
                    raise _refusal(chunk["error"], response.headers)
                choice = chunk["choices"][0]
                on_text(choice["delta"].get("content", ""))
                if choice["finish_reason"]:
                    assert finish is None, "a second finish reason"
                    finish = {"finishReason": choice["finish_reason"]}
        raise AssertionError("the stream ended without a finish or an error")


class ResponsesDoor:
    """`/v1/responses`."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def whole(self, **fields: Any) -> Document:
        response = await self._client.post("/v1/responses", json=_input(**fields))
        document = _document(response)
        assert document["status"] == "completed"
        return {"aiResponse": document["output"][0]["content"][0]["text"]}

    async def stream(self, on_text: OnText, **fields: Any) -> Document:
        asked = {**_input(**fields), "stream": True}
        async with self._client.stream("POST", "/v1/responses", json=asked) as response:
            async for data in _events(response):
                event = json.loads(data)
                match event["type"]:
                    case "response.output_text.delta":
                        on_text(event["delta"])
                    case "response.completed":
                        return {"finishReason": "stop"}
                    case "response.failed":
                        failed = event["response"]
                        reason, text = failed["relay"]["reason"], failed["error"]["message"]
                        raise Refusal(reason, text, failed["relay"]["request_id"])
                    case _:
                        pass
        raise AssertionError("the stream ended without a finish or an error")


def _chat(*, message: str, model: str = "any") -> Document:
    return {"model": model, "messages": [{"role": "user", "content": message}]}


def _input(*, message: str, model: str = "any") -> Document:
    return {"model": model, "input": message}


async def _events(response: httpx2.Response) -> AsyncIterator[str]:
    """Yields the data of each event; raises Refusal for an answer that is an error."""
    if response.status_code != 200:
        await response.aread()
        _document(response)
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "data":
            yield value


def _document(response: httpx2.Response) -> Document:
    document: Document = json.loads(response.text)
    if response.status_code != 200:
        raise _refusal(document["error"], response.headers)
    return document


def _refusal(error: Mapping[str, Any], headers: Mapping[str, str]) -> Refusal:
    wait_ms = headers.get("retry-after-ms")
    reason = _REASONS.get(error["code"], error["code"])
    seconds = None if wait_ms is None else float(wait_ms) / 1000
    return Refusal(reason, error["message"], headers["x-request-id"], seconds)
