"""OpenAI's Responses API: the documents and the events of one response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from tests.standins.answer import Event, to_json
from tests.standins.openai_errors import INVALID, Refusal, error_document
from tests.standins.script import FaultKind, Script, halves

Item = Mapping[str, Any]
REASONING_MODELS = ("o", "gpt-5", "codex")
KNOWN_MEMBERS = frozenset(
    {"model", "input", "instructions", "stream", "store", "include", "temperature", "top_p", "max_output_tokens"}
    | {"tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "service_tier", "safety_identifier", "user"}
    | {"prompt_cache_key", "prompt_cache_retention", "top_logprobs", "metadata", "truncation"}
)


def response_refusal(body: Mapping[str, Any]) -> Refusal | None:
    """Refuses unknown members, and options that only reasoning models accept or do not accept."""
    for name in body:
        if name not in KNOWN_MEMBERS:
            message = f"Unknown parameter: '{name}'."
            return 400, error_document(message, code="unknown_parameter", param=name)
    reasons = body["model"].startswith(REASONING_MODELS)
    if not reasons and body.get("include"):
        return 400, error_document("Encrypted content is not supported with this model.", param="include")
    if not reasons and body.get("reasoning"):
        message = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
        return 400, error_document(message, code="unsupported_parameter", param="reasoning.effort")
    if reasons and body.get("temperature") is not None:
        message = "Unsupported parameter: 'temperature' is not supported with this model."
        return 400, error_document(message, kind=INVALID, param="temperature")
    return None


def message_item(*texts: str, refusal: str = "") -> Item:
    """Makes a message; each text is one delta."""
    part = (
        {"type": "refusal", "refusal": refusal}
        if refusal
        else {"type": "output_text", "text": "".join(texts), "annotations": []}
    )
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def reasoning_item(*summaries: str, encrypted: str | None = "gAAAA==", item_id: str = "rs_1") -> Item:
    """Makes a reasoning item."""
    summary = [{"type": "summary_text", "text": text} for text in summaries]
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": encrypted}


def call_item(name: str, arguments: str, call_id: str = "call_1") -> Item:
    """Makes a call of a function."""
    item = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name}
    return {**item, "arguments": arguments, "status": "completed"}


def scripted_items(script: Script) -> tuple[Item, ...]:
    """Makes the items of a script."""
    items = [reasoning_item(script.reasoning)] if script.reasoning else []
    if script.spoken or not (script.refusal or script.calls):
        items.append(message_item(*script.spoken))
    if script.refusal:
        items.append({**message_item(refusal=script.refusal), "id": "msg_2"})
    return (*items, *(call_item(call.name, call.arguments, call.id) for call in script.calls))


def response_document(script: Script, model: str, output: Sequence[Item], status: str = "") -> dict[str, Any]:
    """Makes a whole response; without a status it has the final one."""
    reason = script.finish
    status = status or ("incomplete" if reason else "completed")
    ended = status in ("completed", "incomplete")
    return {
        "id": "resp_standin",
        "object": "response",
        "created_at": 1_760_000_000,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "instructions": None,
        "metadata": {},
        "model": script.model or model,
        "output": list(output) if ended else [],
        "parallel_tool_calls": True,
        "service_tier": "default" if ended else "auto",
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(script) if ended else None,
    }


def response_events(script: Script, model: str, output: Sequence[Item]) -> Iterator[Event]:
    """Yields the events of a streamed response, without the last one if the script says NO_END."""
    numbers = count()

    def event(kind: str, words: int = 0, **fields: object) -> Event:
        return Event({"type": kind, "sequence_number": next(numbers), **fields}, words, kind)

    yield event("response.created", response=response_document(script, model, (), "in_progress"))
    yield event("response.in_progress", response=response_document(script, model, (), "in_progress"))
    for index, item in enumerate(output):
        begun = {**item, "status": "in_progress", **_empty(item)}
        yield event("response.output_item.added", output_index=index, item=begun)
        for kind, words, fields in _deltas(script, item):
            yield event(kind, words, output_index=index, item_id=item["id"], **fields)
        yield event("response.output_item.done", output_index=index, item=item)
    if not script.fails(FaultKind.NO_END, FaultKind.DONE_WITHOUT_FINISH):
        response = response_document(script, model, output)
        yield event(f"response.{response['status']}", response=response)


def error_event(error: Mapping[str, Any]) -> Event:
    """Makes the event of a failure from an error document."""
    members = error["error"]
    fields = {"code": members["code"] or members["type"], "message": members["message"], "param": members["param"]}
    return Event({"type": "error", **fields, "sequence_number": 9}, 0, "error")


def named_sse(event: Event, spoiled: FaultKind | None) -> bytes:
    """Writes an event with its name."""
    data = to_json(event.document, malformed=spoiled is not None)
    return b"event: %b\ndata: %b\n\n" % (event.name.encode(), data)


def _empty(item: Item) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {"message": {"content": []}, "function_call": {"arguments": ""}}
    return empty.get(item["type"], {"summary": []})


def _deltas(script: Script, item: Item) -> Iterator[tuple[str, int, dict[str, Any]]]:
    match item["type"]:
        case "message":
            for index, part in enumerate(item["content"]):
                yield "response.content_part.added", 0, {"content_index": index, "part": {**part, **_blank(part)}}
                yield from _part_deltas(script, part, index)
                yield "response.content_part.done", 0, {"content_index": index, "part": part}
        case "reasoning":
            for index, part in enumerate(item["summary"]):
                place = {"summary_index": index}
                yield "response.reasoning_summary_part.added", 0, {**place, "part": {**part, "text": ""}}
                for delta in halves(part["text"]):
                    yield "response.reasoning_summary_text.delta", 0, {**place, "delta": delta}
                yield "response.reasoning_summary_text.done", 0, {**place, "text": part["text"]}
                yield "response.reasoning_summary_part.done", 0, {**place, "part": part}
        case "function_call":
            scripted = [call.fragments for call in script.calls if call.id == item["call_id"]]
            for delta in scripted[0] if scripted else halves(item["arguments"]):
                yield "response.function_call_arguments.delta", int(bool(scripted)), {"delta": delta}
            fields = {"arguments": item["arguments"], "name": item["name"]}
            yield "response.function_call_arguments.done", 0, fields
        case _:
            return


def _part_deltas(script: Script, part: Mapping[str, Any], index: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    place: dict[str, Any] = {"content_index": index}
    if part["type"] == "refusal":
        for delta in halves(part["refusal"]):
            yield "response.refusal.delta", 0, {**place, "delta": delta}
        yield "response.refusal.done", 0, {**place, "refusal": part["refusal"]}
        return
    is_scripted = part["text"] == "".join(script.spoken)
    for delta in script.spoken if is_scripted else halves(part["text"]):
        yield "response.output_text.delta", 1, {**place, "delta": delta, "logprobs": []}
    yield "response.output_text.done", 0, {**place, "text": part["text"], "logprobs": []}


def _blank(part: Mapping[str, Any]) -> dict[str, str]:
    return {"refusal": ""} if part["type"] == "refusal" else {"text": ""}


def _usage(script: Script) -> dict[str, Any] | None:
    usage = script.usage
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens or 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
