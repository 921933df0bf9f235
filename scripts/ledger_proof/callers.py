"""Callers for every interface. Each sends a request with a key, and returns the cost that it got."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError
from llm_relay.messages import Cost, Finished, Prompt
from scripts.ledger_proof.provider import MOST_TOKENS
from tests.support.doors import Addresses

LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller got at the end of a call."""

    reason: str
    """The reason of the failure; empty: the call was answered."""
    nano_usd: int | None = None
    """The cost; None: unknown, or not sent."""


Ask = Callable[[str, float], Awaitable[Reply]]
"""Sends a request with a key and a deadline in seconds."""


@contextlib.asynccontextmanager
async def open_callers(
    at: Addresses, message: Callable[[str], str] = lambda key: f"call {key}"
) -> AsyncIterator[dict[str, Ask]]:
    """Yields the callers, by protocol and delivery. `message` returns the message for a key, and ends with the key."""
    async with (
        RelayClient(Dial(target=at.server_b)) as grpc,
        httpx2.AsyncClient(base_url=f"http://{at.gateway}", timeout=LIMIT_S, trust_env=False) as http,
        Client(f"http://{at.mcp_http}/mcp") as mcp,
    ):
        yield {
            "grpc whole": lambda key, deadline_s: _grpc(grpc, _document(key, message), deadline_s, is_stream=False),
            "grpc stream": lambda key, deadline_s: _grpc(grpc, _document(key, message), deadline_s, is_stream=True),
            "http whole": lambda key, deadline_s: _http_whole(http, _document(key, message), deadline_s),
            "http stream": lambda key, deadline_s: _http_stream(http, _document(key, message), deadline_s),
            "openai whole": lambda key, deadline_s: _openai(http, _document(key, message), deadline_s, is_stream=False),
            "openai stream": lambda key, deadline_s: _openai(http, _document(key, message), deadline_s, is_stream=True),
            "mcp whole": lambda key, _: _mcp(mcp, "send_message", _document(key, message)),
            "mcp stream": lambda key, _: _mcp(mcp, "send_message_stream", _document(key, message)),
        }


async def _grpc(client: RelayClient, document: dict[str, Any], deadline_s: float, *, is_stream: bool) -> Reply:
    prompt = Prompt(**document)
    try:
        if not is_stream:
            answer = await client.process(prompt, timeout_s=deadline_s)
            return Reply("", answer.finished.cost.nano_usd)
        async with contextlib.aclosing(client.stream_process(prompt, timeout_s=deadline_s)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return Reply("", event.cost.nano_usd)
    except RelayError as error:
        return Reply(error.reason, (error.spent.cost if error.spent else Cost()).nano_usd)
    raise AssertionError("a stream without an end")


def _document(key: str, message: Callable[[str], str]) -> dict[str, Any]:
    return {"message": message(key), "request_id": key, "max_tokens": MOST_TOKENS}


async def _http_whole(client: httpx2.AsyncClient, document: dict[str, Any], deadline_s: float) -> Reply:
    headers = {"x-request-timeout": f"{deadline_s:.3f}"}
    response = await client.post("/process", json=document, headers=headers)
    return _reply(response.json(), response.status_code)


async def _http_stream(client: httpx2.AsyncClient, document: dict[str, Any], deadline_s: float) -> Reply:
    headers = {"x-request-timeout": f"{deadline_s:.3f}"}
    async with client.stream("POST", "/stream", json=document, headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
            return _reply(response.json(), response.status_code)
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if data != line and data != "[DONE]" and ("usage" in (document := json.loads(data)) or "error" in document):
                return _reply(document, 200)
    raise AssertionError("a stream without an end")


async def _openai(client: httpx2.AsyncClient, document: dict[str, Any], deadline_s: float, *, is_stream: bool) -> Reply:
    body: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": document["message"]}],
        "max_tokens": MOST_TOKENS,
    }
    headers = {"idempotency-key": document["request_id"], "x-request-timeout": f"{deadline_s:.3f}"}
    if not is_stream:
        response = await client.post("/v1/chat/completions", json=body, headers=headers)
        return _openai_reply(response.json())
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    reply: Reply | None = None
    async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        if response.status_code != 200:
            await response.aread()
            return _openai_reply(response.json())
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if data not in (line, "[DONE]") and ((document := json.loads(data)).get("usage") or "error" in document):
                reply = _openai_reply(document)
    assert reply is not None, "a stream without an end"
    return reply


async def _mcp(client: Client, tool: str, document: dict[str, Any]) -> Reply:
    result = await client.call_tool(tool, document)
    if result.is_error:
        meta = result.meta or {}
        return Reply(meta["reason"], _nano_usd((meta.get("usage") or {}).get("estimatedCost")))
    assert result.structured_content is not None
    return _reply(result.structured_content, 200)


def _reply(document: Any, status: int) -> Reply:
    cost = _nano_usd((document.get("usage") or {}).get("estimatedCost"))
    return Reply(document.get("reason", "") if status != 200 or "error" in document else "", cost)


def _openai_reply(document: Any) -> Reply:
    if "error" in document:
        return Reply(document["error"]["code"])
    return Reply("", _nano_usd(document["usage"].get("cost")))


def _nano_usd(usd: float | None) -> int | None:
    return None if usd is None else round(usd * 1e9)
