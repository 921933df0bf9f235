"""The JSON shapes that the HTTP and MCP doors share: made by hand, since a library would cost more than the call."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NotRequired, cast

# pydantic needs this one to read a TypedDict before Python 3.12.
from typing_extensions import TypedDict

from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, RelayError, Violation
from llm_relay.messages import MAX_TURNS, TOO_MANY_TURNS, Answer, Finished, Models, Prompt, Role, Status, Turn, Usage


class TurnDocument(TypedDict):
    """One earlier turn."""

    role: Literal["user", "assistant", "ROLE_USER", "ROLE_ASSISTANT"]
    text: str


class UsageDocument(TypedDict):
    """Tokens and money; null is unknown, never 0."""

    promptTokens: int | None
    completionTokens: int | None
    totalTokens: int | None
    estimatedCost: float | None


class AnswerDocument(TypedDict):
    """A whole answer."""

    status: Literal["success"]
    aiResponse: str
    model: str
    usage: UsageDocument
    timestamp: str
    processingTime: float
    requestId: str
    provider: str
    finishReason: str


class FinishDocument(TypedDict):
    """The end of a streamed answer."""

    requestId: str
    model: str
    provider: str
    finishReason: str
    usage: UsageDocument
    timestamp: str
    processingTime: float


class ProviderHealthDocument(TypedDict):
    """How well the provider is."""

    configured: bool
    status: str
    error: NotRequired[str]


class HealthDocument(TypedDict):
    """How well Server B is; `unhealthy` with an error, and without the rest, where it cannot be reached."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    server: NotRequired[str]
    messagesProcessed: NotRequired[int]
    provider: NotRequired[str]
    ai: NotRequired[ProviderHealthDocument]
    error: NotRequired[str]


class ModelsDocument(TypedDict):
    """The models that can be asked for."""

    provider: str
    models: list[str]
    default: str
    note: NotRequired[str]


class ConfigDocument(TypedDict):
    """What is used where a call names nothing else."""

    provider: str
    defaultModel: str
    temperature: float
    maxTokens: int


class StreamErrorDocument(TypedDict):
    """A failure after the first delta."""

    error: str
    reason: str
    requestId: str


def answer_document(answer: Answer) -> AnswerDocument:
    finished = answer.finished
    return {
        "status": "success",
        "aiResponse": answer.text,
        "model": finished.model,
        "usage": usage_document(finished),
        "timestamp": timestamp(finished.completed_at),
        "processingTime": round(finished.duration_s, 6),
        "requestId": answer.request_id,
        "provider": answer.provider,
        "finishReason": _finish_reason(finished),
    }


def finish_document(request_id: str, provider: str, finished: Finished) -> FinishDocument:
    return {
        "requestId": request_id,
        "model": finished.model,
        "provider": provider,
        "finishReason": _finish_reason(finished),
        "usage": usage_document(finished),
        "timestamp": timestamp(finished.completed_at),
        "processingTime": round(finished.duration_s, 6),
    }


def usage_document(finished: Finished) -> UsageDocument:
    usage, cost = finished.usage, finished.cost
    return {
        "promptTokens": usage.input_tokens,
        "completionTokens": usage.output_tokens,
        "totalTokens": _total(usage),
        "estimatedCost": None if cost.usd is None else float(cost.usd),
    }


def _total(usage: Usage) -> int | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


def _finish_reason(finished: Finished) -> str:
    return finished.finish_reason.value if finished.finish_reason else "other"


def health_document(status: Status) -> HealthDocument:
    ai: ProviderHealthDocument = {"configured": status.provider_configured, "status": status.provider_state.value}
    if status.provider_error:
        ai["error"] = status.provider_error
    return {
        "status": "healthy" if status.state.value == "healthy" else "degraded",
        "server": status.server,
        "timestamp": timestamp(status.observed_at),
        "messagesProcessed": status.calls_processed,
        "provider": status.provider,
        "ai": ai,
    }


def unhealthy_document(error: RelayError) -> HealthDocument:
    return {"status": "unhealthy", "timestamp": timestamp(datetime.now(UTC)), "error": error.message}


def models_document(models: Models) -> ModelsDocument:
    document: ModelsDocument = {
        "provider": models.provider,
        "models": list(models.models),
        "default": models.default_model,
    }
    if models.note:
        document["note"] = models.note
    return document


def config_document(status: Status) -> ConfigDocument:
    return {
        "provider": status.provider,
        "defaultModel": status.default_model,
        "temperature": status.default_temperature,
        "maxTokens": status.default_max_tokens,
    }


def stream_error_document(error: RelayError) -> StreamErrorDocument:
    return {"error": error.message, "reason": error.reason, "requestId": error.request_id}


def timestamp(time: datetime) -> str:
    """Writes a UTC time as RFC 3339 with a Z."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_ROLES = {role.value: role for role in Role} | {f"ROLE_{role.name}": role for role in Role}
_FIELDS = frozenset(("message", "context", "history", "model", "temperature", "max_tokens", "request_id"))


_UNREAD_TURN = Turn(role=Role.USER, text="-")


def prompt_from_document(document: object) -> Prompt:
    """Reads a prompt from JSON values; null is the same as absent.

    Raises InvalidRequest naming each field that is unknown, missing, of the wrong type or out of range.
    """
    if not isinstance(document, Mapping):
        raise InvalidRequest.of(Violation("(body)", "must be a JSON object"))
    if not document.keys() <= _FIELDS:
        strangers = (Violation(_shown(name), "is not a known field") for name in document if name not in _FIELDS)
        raise InvalidRequest.of(*itertools.islice(strangers, MAX_VIOLATIONS + 1))
    given = {name: value for name, value in document.items() if value is not None}
    if isinstance(most := given.get("max_tokens"), float) and most.is_integer():
        given["max_tokens"] = int(most)  # JSON has one kind of number: 5.0 is the integer 5
    read = list(_turns(given["history"])) if "history" in given else []
    violations = [turn for turn in read if isinstance(turn, Violation)]
    # A turn that cannot be read keeps its place, so that the others are named by theirs.
    given["history"] = tuple(turn if isinstance(turn, Turn) else _UNREAD_TURN for turn in read)
    given.setdefault("message", "")
    try:
        prompt = Prompt(**given)
    except InvalidRequest as error:
        raise InvalidRequest.of(*error.violations, *violations) from error
    if violations:
        raise InvalidRequest.of(*violations)
    return prompt


def prompt_of(
    message: str,
    context: str | None,
    history: Sequence[TurnDocument] | None,
    model: str | None,
    temperature: float | None,
    max_tokens: int | None,
    request_id: str | None,
) -> Prompt:
    """Makes a prompt of the message tools' arguments; raises InvalidRequest as prompt_from_document does."""
    return prompt_from_document(
        {
            "message": message,
            "context": context,
            "history": history,
            "model": model,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "request_id": request_id,
        }
    )


def _turns(history: object) -> Iterator[Turn | Violation]:
    if not isinstance(history, list | tuple):
        yield Violation("history", 'must be a list of {"role": "user"|"assistant", "text": "…"}')
        return
    if len(history) > MAX_TURNS:
        yield Violation("history", TOO_MANY_TURNS)
        return
    for index, turn in enumerate(history):
        if not isinstance(turn, Mapping) or set(turn) != {"role", "text"}:
            yield Violation(f"history[{index}]", 'must be {"role": "user"|"assistant", "text": "…"}')
            continue
        role = turn["role"]
        # A role that is not known is left for Prompt to refuse, with the turn's place.
        yield Turn(
            role=cast("Role", _ROLES.get(role) if isinstance(role, str) else None), text=cast("Any", turn["text"])
        )


def _shown(name: object) -> str:
    """Returns a caller's field name in a form that is fit for an error's text."""
    return ascii(name)[1:41].rstrip("'") if isinstance(name, str) else "(name)"
