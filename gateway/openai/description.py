"""OpenAI's interface in the OpenAPI document: bodies, responses and errors."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from gateway.openai.answer_shapes import OpenAIErrorDocument
from gateway.openai.bodies.chat import ChatBody
from gateway.openai.bodies.responses import ResponsesBody
from gateway.openapi.requests import PROMPT
from gateway.openapi.responses import ID_HEADER
from gateway.openapi.schemas import REFERENCE, reference
from gateway.streaming import EVENT_STREAM

TAG = "OpenAI"
TAG_DESCRIPTION = {
    "name": TAG,
    "description": "OpenAI's interface. Point any client at `/v1`, with a token of the relay as its API key.",
}
_STATUSES = {
    400: "The request is invalid, or asks for something that is not supported. `param` names the member",
    401: "The token is missing or wrong",
    402: "No price is known for the model, and a budget or `max_cost_usd` applies",
    403: "The caller may not do this",
    404: "The model does not exist",
    408: "The body did not arrive in time",
    413: "The request is too large",
    429: "A rate limit of the provider, or a rate limit or budget of the caller",
    500: "An error of the relay",
    502: "The provider's answer is malformed, or the provider refuses the relay's key",
    503: "The provider or the relay cannot answer now. `retry-after` says when to retry",
    504: "The deadline has passed",
}


def _responses() -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": reference(OpenAIErrorDocument)}}
    described: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "headers": ID_HEADER, "content": content} for status, text in _STATUSES.items()
    }
    return {200: {"description": "The answer", "headers": ID_HEADER}, **described}


RESPONSES = _responses()
"""The responses of every route. The shape of the successful one is the route's response_model."""
STREAMED_RESPONSES = {
    **RESPONSES,
    200: {**RESPONSES[200], "content": {EVENT_STREAM: {"schema": {"type": "string"}}}},
}
"""The responses of a route that streams if `stream` asks for it."""


def described_body(body: type[Any]) -> dict[str, Any]:
    """Returns the OpenAPI members of a route that parses its body itself."""
    content = {"application/json": {"schema": reference(body)}}
    return {**PROMPT, "requestBody": {"required": True, "content": content}}


def schemas() -> dict[str, Any]:
    """Returns the shapes of bodies and errors by name."""
    adapters = [(shape.__name__, "validation", TypeAdapter(shape)) for shape in (ChatBody, ResponsesBody)]
    errors = (OpenAIErrorDocument.__name__, "serialization", TypeAdapter(OpenAIErrorDocument))
    _, definitions = TypeAdapter.json_schemas([*adapters, errors], ref_template=REFERENCE)  # type: ignore[list-item]
    found: dict[str, Any] = definitions["$defs"]
    return found
