"""What /docs and /openapi.json say of the routes. Nothing here runs when a request is served."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from starlette.responses import Response
from typing_extensions import TypedDict

from gateway.problems import HTTP_STATUSES, PROBLEM_JSON, ProblemDocument
from gateway.request_parsing import MAX_TIMEOUT_S, MIN_TIMEOUT_S, REQUEST_ID_HEADER, TIMEOUT_HEADER
from gateway.streaming import EVENT_STREAM
from llm_relay import errors
from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    FinishDocument,
    HealthDocument,
    ModelsDocument,
    PromptDocument,
    StreamErrorDocument,
    body_schema,
)
from llm_relay.errors import RelayError
from llm_relay.messages import REQUEST_ID_PATTERN

REF = "#/components/schemas/{model}"


_FULL_EXAMPLE: dict[str, Any] = {
    "message": "And in winter?",
    "context": "Answer in one sentence.",
    "history": [
        {"role": "user", "text": "When does the sun rise in Oslo in June?"},
        {"role": "assistant", "text": "At about four in the morning."},
    ],
    "temperature": 0.2,
    "max_tokens": 100,
}
_STREAM_EXAMPLE = """id: 2
data: {"content": "Hel"}

id: 3
data: {"content": "lo!"}

event: finish
data: {"requestId":"r-1","model":"gpt-4o","provider":"openai","finishReason":"stop",\
"usage":{"promptTokens":9,"completionTokens":2,"totalTokens":11,"cacheReadTokens":0,"cacheWriteTokens":null,\
"reasoningTokens":0,"accuracy":"exact","estimatedCost":4.25e-05,"priceSource":"genai-prices"},\
"timestamp":"2026-11-22T12:00:00.000Z","processingTime":0.8}

data: [DONE]

"""


class FoundDocument(TypedDict):
    """Whether a call of this caller with that id was running."""

    found: bool


class DeltaDocument(TypedDict):
    """More text of the answer."""

    content: str


_DOCUMENTS: tuple[type[Any], ...] = (
    AnswerDocument,
    DeltaDocument,
    FinishDocument,
    StreamErrorDocument,
    FoundDocument,
    HealthDocument,
    ModelsDocument,
    ConfigDocument,
    ProblemDocument,
)

# Any route may answer these.
_ALWAYS = (errors.InvalidRequest, errors.PermissionDenied, errors.Internal)
_SERVER_B = (errors.DeadlineExceeded, errors.Draining, errors.ServerBUnavailable, errors.Unsupported)
_PROVIDER = (
    errors.ProviderRateLimited,
    errors.ProviderUnavailable,
    errors.ProviderAuth,
    errors.ProviderRejected,
    errors.ProviderProtocol,
    errors.UnknownModel,
)
_CALL = (*_SERVER_B, *_PROVIDER, errors.TooLarge, errors.RateLimited, errors.Overloaded)
_TOKEN = (errors.Unauthenticated,)


def add_components(document: dict[str, Any]) -> None:
    """Adds the shapes and the security scheme that the routes refer to."""
    shapes: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (shape.__name__, "validation", TypeAdapter(shape)) for shape in _DOCUMENTS
    ]
    _, definitions = TypeAdapter.json_schemas(shapes, ref_template=REF)
    components = document.setdefault("components", {})
    examples = [{"message": "Hello!"}, _FULL_EXAMPLE]
    components["schemas"] = {
        **definitions["$defs"],
        "PromptDocument": {**body_schema(PromptDocument), "examples": examples},
    }
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "Needed where RELAY_TOKENS is set"}
    }


def _ref(document: type[Any]) -> dict[str, str]:
    return {"$ref": REF.format(model=document.__name__)}


def _json(document: type[Any]) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(document)}}


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "schema": schema}


_ID_HEADER = {REQUEST_ID_HEADER: _header("The request's id", {"type": "string", "pattern": f"^{REQUEST_ID_PATTERN}$"})}
_RETRY_HEADER = {"Retry-After": _header("Seconds until it is worth trying again, if known", {"type": "integer"})}
_CHALLENGE_HEADER = {"WWW-Authenticate": _header("What is asked for", {"type": "string", "const": "Bearer"})}
_OWN_HEADERS = {401: _CHALLENGE_HEADER, 429: _RETRY_HEADER, 503: _RETRY_HEADER}
_PARAMETERS = [
    {
        "name": TIMEOUT_HEADER,
        "in": "header",
        **_header(
            "Deadline in seconds; absent: TIMEOUT_SECONDS",
            {"type": "number", "minimum": MIN_TIMEOUT_S, "maximum": MAX_TIMEOUT_S},
        ),
    },
    {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        **_header("The request's id, if it is a valid one", {"type": "string"}),
    },
]


def _problems(error_types: tuple[type[RelayError], ...]) -> dict[int | str, dict[str, Any]]:
    """Describes the failures, those of one status together."""
    by_status: dict[int, list[type[RelayError]]] = {}
    for error_type in error_types:
        by_status.setdefault(HTTP_STATUSES[error_type], []).append(error_type)
    return {status: _problem(status, by_status[status]) for status in sorted(by_status)}


def _problem(status: int, error_types: list[type[RelayError]]) -> dict[str, Any]:
    lines = (f"`{one.reason}`: {one.default_message}" for one in error_types)
    return {
        "description": "\n\n".join(lines),
        "headers": {**_ID_HEADER, **_OWN_HEADERS.get(status, {})},
        "content": {PROBLEM_JSON: {"schema": _ref(ProblemDocument)}},
    }


def _operation(
    summary: str,
    answer: dict[str, Any],
    error_types: tuple[type[RelayError], ...],
    *,
    description: str = "",
    body: bool = False,
    parameters: tuple[dict[str, Any], ...] = (),
    needs_token: bool = True,
) -> dict[str, Any]:
    """Returns what FastAPI's route decorators are to be told."""
    extra: dict[str, Any] = {"parameters": [*parameters, *_PARAMETERS]}
    if needs_token:
        extra["security"] = [{"bearer": []}, {}]
    if body:
        extra["requestBody"] = {"required": True, "content": _json(PromptDocument)}
    success = {"description": "The answer", "headers": _ID_HEADER, "content": answer}
    return {
        "summary": summary,
        "description": description,
        "response_model": None,
        "response_class": Response,
        "responses": {200: success, **_problems((*_ALWAYS, *(_TOKEN if needs_token else ()), *error_types))},
        "openapi_extra": extra,
    }


PROCESS = _operation("Answer a prompt whole", _json(AnswerDocument), _CALL, body=True)
STREAM = _operation(
    "Answer a prompt as server-sent events",
    {EVENT_STREAM: {"schema": {"type": "string"}, "example": _STREAM_EXAMPLE}},
    _CALL,
    body=True,
    description=(
        "`data:` with a DeltaDocument for each piece of text, `id:` its sequence number; then one `event: finish` with"
        " a FinishDocument, then `data: [DONE]`. A failure before the first piece is an HTTP status; one after it is"
        " `data:` with a StreamErrorDocument, and no `[DONE]`. `: ping` each 15 s of silence."
    ),
)
CANCEL = _operation(
    "Stop a running call softly",
    _json(FoundDocument),
    _SERVER_B,
    description="The call ends with what it has, finish reason `cancelled`, and what it cost.",
    parameters=(
        {
            "name": "request_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{REQUEST_ID_PATTERN}$"},
        },
    ),
)
MODELS = _operation("List the models that can be asked for", _json(ModelsDocument), (*_SERVER_B, *_PROVIDER))
CONFIG = _operation("Tell what is used where a call names nothing", _json(ConfigDocument), _SERVER_B)
HEALTH = _operation("Tell how Server B is", _json(HealthDocument), (), needs_token=False)
HEALTH["responses"][503] = {
    "description": "Server B cannot be reached",
    "headers": _ID_HEADER,
    "content": _json(HealthDocument),
}
