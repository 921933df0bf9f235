"""Answers that are more than text, as callers get them: over gRPC and HTTP, whole and streamed."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from google.protobuf.json_format import ParseDict

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.documents.raw_json import raw_members
from tests.support.sse_client import events_of
from tests.support.wire import Wire


@dataclass(slots=True)
class Content:
    """What a caller got, in any of the four ways."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, name and arguments, exactly as received."""
    finish: str = ""
    signature: bytes = b""
    """Signatures of reasoning."""
    redacted: bytes = b""


Prompt = Mapping[str, Any]


async def grpc_whole(wire: Wire, prompt: Prompt) -> Content:
    """Calls Process."""
    answer = pb.ProcessResponse.FromString(await wire.whole("Process", ParseDict(dict(prompt), pb.ProcessRequest())))
    content = Content(text=answer.text, finish=_finish(answer.finish_reason))
    for part in answer.parts:
        _add_part(content, part)
    return content


def _add_part(content: Content, part: pb.Part) -> None:
    content.reasoning += part.reasoning.text
    content.signature += part.reasoning.signature
    content.redacted += part.reasoning.redacted
    content.refusal += part.refusal
    if part.HasField("tool_call"):
        call = part.tool_call
        content.calls.append((call.id, call.name, call.arguments_json))


async def grpc_stream(wire: Wire, prompt: Prompt) -> Content:
    """Calls StreamProcess; raises AssertionError if a tool call breaks the contract."""
    content, deltas = Content(), dict[int, str]()
    async for data in wire.stream(ParseDict(dict(prompt), pb.StreamProcessRequest())):
        event = pb.StreamProcessResponse.FromString(data)
        match event.WhichOneof("event"):
            case "delta":
                content.text += event.delta.text
            case "reasoning_delta":
                content.reasoning += event.reasoning_delta.text
                content.signature += event.reasoning_delta.signature
                content.redacted += event.reasoning_delta.redacted
            case "refusal_delta":
                content.refusal += event.refusal_delta.text
            case "tool_call_started":
                assert event.tool_call_started.index not in deltas
                deltas[event.tool_call_started.index] = ""
            case "tool_call_delta":
                assert event.tool_call_delta.arguments
                deltas[event.tool_call_delta.index] += event.tool_call_delta.arguments
            case "tool_call_finished":
                call = event.tool_call_finished.call
                assert call.arguments_json == deltas[event.tool_call_finished.index]
                content.calls.append((call.id, call.name, call.arguments_json))
            case "finished":
                content.finish = _finish(event.finished.finish_reason)
            case _:
                pass
    return content


def _finish(reason: pb.FinishReason.ValueType) -> str:
    return pb.FinishReason.Name(reason).removeprefix("FINISH_REASON_").lower()


async def http_whole(http: httpx2.AsyncClient, prompt: Prompt) -> Content:
    """Posts to /process."""
    response = await http.post("/process", json=prompt)
    document = response.json()
    content = Content(text=document["aiResponse"], finish=document["finishReason"])
    arguments = raw_members(response.text)
    for part in document.get("parts", []):
        _add_reasoning(content, part.get("reasoning", {}), "text")
        content.refusal += part.get("refusal", "")
        if call := part.get("tool_call"):
            said = next(arguments)["arguments"].text if "arguments" in call else call["arguments_text"]
            content.calls.append((call["id"], call["name"], said))
    return content


def _add_reasoning(content: Content, document: Mapping[str, Any], text: str) -> None:
    content.reasoning += document.get(text, "")
    content.signature += base64.b64decode(document.get("signature", ""))
    content.redacted += base64.b64decode(document.get("redacted", ""))


async def http_stream(http: httpx2.AsyncClient, prompt: Prompt) -> Content:
    """Posts to /stream."""
    content, deltas = Content(), dict[int, str]()
    response = await http.post("/stream", json=prompt)
    for name, data in events_of(response.text):
        if data == "[DONE]":
            break
        document = json.loads(data)
        match name:
            case "":
                content.text += document["content"]
            case "reasoning":
                _add_reasoning(content, document, "content")
            case "refusal":
                content.refusal += document["content"]
            case "tool_call_started":
                deltas[document["index"]] = ""
            case "tool_call_delta":
                deltas[document["index"]] += document["arguments"]
            case "tool_call_finished":
                call = document["call"]
                content.calls.append((call["id"], call["name"], deltas[document["index"]]))
            case "finish":
                content.finish = document["finishReason"]
            case _:
                raise AssertionError(name)
    return content


WAYS: dict[str, Callable[[Any, Prompt], Awaitable[Content]]] = {
    "grpc-whole": grpc_whole,
    "grpc-stream": grpc_stream,
    "http-whole": http_whole,
    "http-stream": http_stream,
}
