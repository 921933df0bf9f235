"""Calls as third-party clients make them: over gRPC with the generated messages, over HTTP as documented."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx2
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from generated.relay.v1 import relay_pb2 as pb
from tests.field.outcome import Facts
from tests.support.wire import Wire

Prompt = dict[str, Any]
DEADLINE_S = 20.0
"""Timeout of every call. A provider that asks for a longer pause is not waited for."""


async def grpc_whole(wire: Wire, prompt: Prompt) -> Facts:
    """Calls Process."""
    call = wire.whole("Process", ParseDict(_wire_names(prompt), pb.ProcessRequest()), timeout_s=DEADLINE_S)
    try:
        answer = pb.ProcessResponse.FromString(await call)
    except grpc.aio.AioRpcError as error:
        return _failure(error)
    return _success(answer.text, answer)


async def grpc_stream(wire: Wire, prompt: Prompt) -> Facts:
    """Calls StreamProcess; raises AssertionError for a stream that breaks the contract."""
    call = wire.stream(ParseDict(_wire_names(prompt), pb.StreamProcessRequest()), timeout_s=DEADLINE_S)
    events: list[pb.StreamProcessResponse] = []
    try:
        async for data in call:
            events.append(pb.StreamProcessResponse.FromString(data))  # noqa: PERF401 - events before a failure count
    except grpc.aio.AioRpcError as error:
        return {**_failure(error), "said": _text(events)}
    finally:
        _check_order(events)
    assert events[-1].WhichOneof("event") == "finished", "the stream ended without a finish or an error"
    finished = events[-1].finished
    assert finished.model == events[0].started.model
    return _success(_text(events), finished)


def _wire_names(prompt: Prompt) -> Prompt:
    turns = [{**turn, "role": f"ROLE_{turn['role'].upper()}"} for turn in prompt.get("history", [])]
    return {**prompt, "history": turns}


def _text(events: list[pb.StreamProcessResponse]) -> str:
    return "".join(event.delta.text for event in events)


def _check_order(events: list[pb.StreamProcessResponse]) -> None:
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:1] in ([], ["started"])
    assert "started" not in kinds[1:]
    assert "finished" not in kinds[:-1]
    numbers = [event.sequence for event in events]
    assert numbers == sorted(set(numbers))
    assert numbers[:1] in ([], [1])
    assert kinds[-1:] != ["finished"] or numbers[-1] == numbers[-2] + 1


def _success(text: str, end: pb.ProcessResponse | pb.Finished) -> Facts:
    reason = pb.FinishReason.Name(end.finish_reason).removeprefix("FINISH_REASON_").lower()
    return {"reason": "", "text": text, "finish": reason, "model": end.model, **_spent(end)}


def _spent(end: pb.ProcessResponse | pb.Finished) -> Facts:
    usage = end.usage
    return {
        "input": _known(usage, "input_tokens"),
        "output": _known(usage, "output_tokens"),
        "reasoning": _known(usage, "reasoning_tokens"),
        "cached": _known(usage, "cache_read_tokens"),
        "accuracy": pb.Accuracy.Name(usage.accuracy),
        "cost": end.cost.nano_usd if end.cost.HasField("nano_usd") else None,
    }


def _known(usage: pb.Usage, name: str) -> int | None:
    return getattr(usage, name) if usage.HasField(name) else None  # type: ignore[arg-type]


def _failure(error: grpc.aio.AioRpcError) -> Facts:
    facts: Facts = {"text": None, "message": error.details(), "retry_after_s": None}
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            status.MergeFromString(value)
    for detail in status.details:
        facts |= _detail_facts(detail)
    return {"reason": f"no reason, but {error.code()}", **facts}


def _detail_facts(detail: Any) -> Facts:
    if (info := _unpacked(detail, error_details_pb2.ErrorInfo())) is not None:
        worked = {"true": True, "false": False}.get(info.metadata.get("may_have_worked", ""))
        return {"reason": info.reason, "may_have_worked": worked}
    if (retry := _unpacked(detail, error_details_pb2.RetryInfo())) is not None:
        return {"retry_after_s": retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9}
    if (finished := _unpacked(detail, pb.Finished())) is not None:
        return _spent(finished)
    return {}


def _unpacked(detail: Any, into: Any) -> Any:
    return into if isinstance(into, Message) and detail.Unpack(into) else None


async def http_whole(http: httpx2.AsyncClient, prompt: Prompt) -> Facts:
    """Posts to /process."""
    response = await http.post("/process", json=prompt, headers=_deadline())
    if response.status_code != 200:
        return _problem(response)
    document = response.json()
    return {"reason": "", "text": document["aiResponse"], **_end(document)}


async def http_stream(http: httpx2.AsyncClient, prompt: Prompt) -> Facts:
    """Posts to /stream; raises AssertionError for a stream that breaks the contract."""
    async with http.stream("POST", "/stream", json=prompt, headers=_deadline()) as response:
        body = await response.aread()
    if response.status_code != 200:
        return {**_problem(response), "said": ""}
    said, last = "", 0
    events = [dict(line.split(": ", 1) for line in block.split("\n")) for block in body.decode().split("\n\n") if block]
    events = [event for event in events if event.keys() != {""}]  # comments
    for place, event in enumerate(events):
        if event["data"] == "[DONE]":
            assert place == len(events) - 1, "[DONE] is not the last event"
            assert events[place - 1].get("event") == "finish"
            return {"reason": "", "text": said, **_end(json.loads(events[place - 1]["data"]))}
        document = json.loads(event["data"])
        if "error" in document:
            assert place == len(events) - 1, "something came after the error"
            return {"reason": document["reason"], "text": None, "message": document["error"], "said": said}
        if "event" not in event:  # events of reasoning and refusals have names
            assert int(event["id"]) > last
            said, last = said + document["content"], int(event["id"])
    raise AssertionError("the stream ended without a finish or an error")


def _deadline() -> dict[str, str]:
    return {"X-Request-Timeout": f"{DEADLINE_S:g}"}


def _end(document: dict[str, Any]) -> Facts:
    usage = document["usage"]
    return {
        "finish": document["finishReason"],
        "model": document["model"],
        "input": usage["promptTokens"],
        "output": usage["completionTokens"],
        "cost": usage["estimatedCost"],
    }


def _problem(response: httpx2.Response) -> Facts:
    document = response.json()
    seconds = response.headers.get("retry-after")
    return {
        "reason": document["reason"],
        "text": None,
        "message": document["detail"],
        "retry_after_s": None if seconds is None else float(seconds),
    }


Ask = Callable[[Any, Prompt], Awaitable[Facts]]
WAYS: dict[str, Ask] = {
    "grpc-whole": grpc_whole,
    "grpc-stream": grpc_stream,
    "http-whole": http_whole,
    "http-stream": http_stream,
}
