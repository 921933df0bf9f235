"""OpenAI's chat completions, responses and list of models, whole and streamed as server-sent events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.standins.answer import Answer, Event, streamed, to_json, whole
from tests.standins.exchange import Received
from tests.standins.openai_errors import error_document, model_refusal, refusal, usual_error, wrong_key
from tests.standins.openai_responses import (
    error_event,
    named_sse,
    response_document,
    response_events,
    response_refusal,
    scripted_items,
)
from tests.standins.script import FaultKind, Script, Usage
from tests.standins.server import StandIn

MODELS = ("gpt-4o", "gpt-4o-mini", "o3-mini")
REDIRECT_MODEL = "redirect"
REDIRECTED_PATH = "/v1/redirected/chat/completions"
"""The path to which requests for that model are redirected with 307; it answers like any other."""

CREATED_S = 1_760_000_000
HEADERS = {"x-request-id": "req_standin"}
DONE = Event("[DONE]")


class OpenAIStandIn(StandIn):
    """Refuses what OpenAI refuses (see `openai_errors`); the script answers everything else."""

    def __init__(self, script: Script | None = None, *, output: Sequence[Mapping[str, Any]] = ()) -> None:
        """`output` are the items of its responses; without it, those of the script."""
        super().__init__(script)
        self.output = output

    @property
    def base_url(self) -> str:
        """The value for OPENAI_BASE_URL."""
        return f"{self.url}/v1"

    def answer(self, received: Received) -> Answer:
        """Checks the key, then answers by method and path."""
        refused = wrong_key(received.headers.get("authorization", ""))
        if refused is not None:
            return _refused(*refused)
        match received.method, received.path:
            case "GET", "/v1/models":
                return self._list()
            case "POST", "/v1/chat/completions":
                return self._checked_chat(received.body)
            case "POST", "/v1/responses":
                return self._response(received.body)
            case "POST", path if path == REDIRECTED_PATH:
                return self._chat(received.body)
        return _refused(404, error_document(f"Invalid URL ({received.method} {received.path})"))

    def _list(self) -> Answer:
        models = [{"id": name, "object": "model", "created": CREATED_S, "owned_by": "system"} for name in MODELS]
        return _whole(self.next_script(), {"object": "list", "data": models})

    def _checked_chat(self, body: Mapping[str, Any]) -> Answer:
        if body["model"] == REDIRECT_MODEL:
            return whole(Script(), None, status=307, headers={**HEADERS, "location": REDIRECTED_PATH})
        refused = refusal(body)
        return _refused(*refused) if refused is not None else self._chat(body)

    def _chat(self, body: Mapping[str, Any]) -> Answer:
        model: str = body["model"]
        script = self.next_script(model)
        if not body.get("stream") or script.fails(FaultKind.STATUS):
            return _whole(script, _completion(script, model), words=len(script.spoken))
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return _streamed(script, tuple(_events(script, model, include_usage=include_usage)))

    def _response(self, body: Mapping[str, Any]) -> Answer:
        model: str = body["model"]
        if (refused := model_refusal(body) or response_refusal(body)) is not None:
            return _refused(*refused)
        script = self.next_script(model)
        output = self.output or scripted_items(script)
        if not body.get("stream") or script.fails(FaultKind.STATUS):
            return _whole(script, response_document(script, model, output), words=len(script.spoken))
        error = error_event(usual_error(script.fault)[1] if script.fault else error_document(""))
        events = tuple(response_events(script, model, output))
        content_type = "text/event-stream; charset=utf-8"
        return streamed(script, events, named_sse, error=error, content_type=content_type, headers=HEADERS)


def _refused(status: int, document: object) -> Answer:
    return whole(Script(), document, status=status, headers=HEADERS)


def _whole(script: Script, document: object, *, words: int = 0) -> Answer:
    if script.fault is None or not script.fails(FaultKind.STATUS, FaultKind.ERROR_EVENT):
        return whole(script, document, words=words, headers=HEADERS)
    status, error = usual_error(script.fault)
    if script.fails(FaultKind.ERROR_EVENT):
        return whole(script, error, headers=HEADERS)
    return whole(script, error, status=status, headers={**HEADERS, **script.fault.headers})


def _completion(script: Script, model: str) -> dict[str, object]:
    choice = {"index": 0, "message": _message(script), "logprobs": None, "finish_reason": _finish_reason(script)}
    usage = {"usage": _usage(script.usage)} if script.usage else {}
    return {**_heading("chat.completion", script.model or model), "choices": [choice], **usage}


def _message(script: Script) -> dict[str, object]:
    is_text = bool(script.spoken) or not (script.refusal or script.calls)
    content = "".join(script.spoken) if is_text else None
    message: dict[str, object] = {"role": "assistant", "content": content, "annotations": []}
    message["refusal"] = script.refusal or None
    if script.reasoning:
        message["reasoning_content"] = script.reasoning  # as compatible servers send it
    calls = [_call(call.id, call.name, call.arguments) for call in script.calls]
    return {**message, "tool_calls": calls} if calls else message


def _call(call_id: str, name: str, arguments: str, **index: int) -> dict[str, object]:
    return {**index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _streamed(script: Script, events: tuple[Event, ...]) -> Answer:
    error = usual_error(script.fault)[1] if script.fault else None
    content_type = "text/event-stream; charset=utf-8"
    return streamed(script, events, _sse, error=Event(error), content_type=content_type, headers=HEADERS)


def _events(script: Script, model: str, *, include_usage: bool) -> Iterator[Event]:
    """Yields role, words, finish_reason, usage and [DONE]; the script's fault may leave out some of the last three."""
    heading = _heading("chat.completion.chunk", script.model or model)
    nothing_yet = {"usage": None} if include_usage else {}

    def event(delta: Mapping[str, object], finish_reason: str | None = None, words: int = 0) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return Event({**heading, "choices": [choice], **nothing_yet}, words)

    yield event({"role": "assistant", "content": "", "refusal": None})
    for delta, words in _deltas(script):
        yield event(delta, words=words)
    if script.fails(FaultKind.NO_END):
        return
    if not script.fails(FaultKind.DONE_WITHOUT_FINISH, FaultKind.ERROR_AFTER_USAGE):
        yield event({}, _finish_reason(script))
    if include_usage and script.usage:
        yield Event({**heading, "choices": [], "usage": _usage(script.usage)})
    if script.fault is not None and script.fails(FaultKind.ERROR_AFTER_USAGE):
        yield Event(usual_error(script.fault)[1])
    if not script.fails(FaultKind.FINISH_WITHOUT_DONE):
        yield DONE


def _deltas(script: Script) -> Iterator[tuple[dict[str, object], int]]:
    """Yields the deltas, each with the number of words in it."""
    for text in script.shown_reasoning:
        yield {"reasoning_content": text}, 0
    for word in script.spoken:
        yield {"content": word}, 1
    for text in script.shown_refusal:
        yield {"refusal": text}, 0
    for index, call in enumerate(script.calls):
        yield {"tool_calls": [_call(call.id, call.name, "", index=index)]}, 0
        for fragment in call.fragments:
            yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}, 1


def _heading(kind: str, model: str) -> dict[str, object]:
    names = {"id": "chatcmpl-standin", "object": kind, "created": CREATED_S, "model": model}
    return {**names, "service_tier": "default", "system_fingerprint": "fp_standin"}


def _finish_reason(script: Script) -> str | None:
    if script.fails(FaultKind.NO_END, FaultKind.DONE_WITHOUT_FINISH):
        return None
    return script.finish or ("tool_calls" if script.calls else "stop")


def _usage(usage: Usage) -> dict[str, object]:
    prompt = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    completion = {"reasoning_tokens": usage.reasoning_tokens}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": _known(prompt),
        "completion_tokens_details": _known(completion),
    }


def _known(counts: Mapping[str, int | None]) -> dict[str, int] | None:
    return {name: tokens for name, tokens in counts.items() if tokens is not None} or None


def _sse(event: Event, spoiled: FaultKind | None) -> bytes:
    data = b"[DONE]" if event is DONE else to_json(event.document, malformed=spoiled is not None)
    return b"data: %b\n\n" % data
