"""The routes. Each one parses the request, calls Server B, and returns the response."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from gateway.dependencies import Backend, PromptCall, backend_of, caller_of, lookup
from gateway.errors.exception_handlers import refused_token
from gateway.json_response import json_response
from gateway.model_list import ModelListDocument, model_documents
from gateway.openapi import examples, requests
from gateway.openapi.document import CALLS, SERVER
from gateway.openapi.responses import (
    OF_A_CALL,
    OF_A_PROVIDER,
    OF_SERVER_B,
    event_responses,
    health_responses,
    json_responses,
)
from gateway.openapi.schemas import FoundDocument
from gateway.requests.disconnect_watcher import while_client_stays
from gateway.streaming import EventStream, RelayLines
from llm_relay.caller_tokens import ANONYMOUS
from llm_relay.client.health import check_health
from llm_relay.documents import (
    AnswerDocument,
    ConfigDocument,
    HealthDocument,
    answer_document,
    config_document,
    health_document,
    healthy_document,
    models_document,
    unhealthy_document,
)
from llm_relay.errors import InvalidRequest, RelayError, Unauthenticated
from llm_relay.messages import REQUEST_ID_PATTERN

HEALTH_TIMEOUT_S = 5.0

router = APIRouter(generate_unique_id_function=lambda route: route.name)


@router.post(
    "/process",
    tags=[CALLS],
    summary="Answer a prompt",
    response_model=AnswerDocument,
    responses=json_responses(examples.ANSWER, *OF_A_CALL),
    openapi_extra=requests.PROMPT,
)
async def process(request: Request, call: PromptCall) -> Response:
    """Asks the model and returns its whole answer, with its usage and cost. A client that leaves stops the call."""
    async with while_client_stays(request.receive):
        answer = await call.process()
    return json_response(answer_document(answer, orjson.Fragment))


@router.post(
    "/stream",
    tags=[CALLS],
    summary="Answer a prompt as server-sent events",
    response_class=Response,
    responses=event_responses(*OF_A_CALL),
    openapi_extra=requests.PROMPT,
)
async def stream(request: Request, call: PromptCall) -> Response:
    """Sends the answer as it is generated.

    Each piece of text is a `data:` with a DeltaDocument; its `id:` is the sequence number. Other content has an
    `event:` line: `reasoning`, `refusal`, `tool_call_started`, `tool_call_delta` or `tool_call_finished`, with the
    document of that name. At the end come one `event: finish` with a FinishDocument, and `data: [DONE]`.

    A failure before the answer begins is an HTTP status. A later one is a `data:` with a StreamErrorDocument, without
    `[DONE]`. A `: ping` comment is sent after 15 seconds of silence, or 10 seconds before the first piece.
    """
    lines = RelayLines(call.prompt.request_id)
    return EventStream(call.stream_process(), lines, backend_of(request).pings)


@router.post(
    "/cancel/{request_id}",
    tags=[CALLS],
    summary="Stop a running call",
    response_model=FoundDocument,
    responses=json_responses(examples.FOUND, *OF_SERVER_B),
    openapi_extra=requests.LOOKUP,
)
async def cancel(
    request: Request, request_id: Annotated[str, Path(json_schema_extra={"pattern": f"^{REQUEST_ID_PATTERN}$"})]
) -> Response:
    """Stops a call of the same caller. The call ends with reason `cancelled`, the text so far, and its cost."""
    async with lookup(request) as client:
        found = await client.cancel(request_id, **caller_of(request).arguments)
    return json_response({"found": found})


@router.get(
    "/health",
    tags=[SERVER],
    summary="Show the state of Server B and its provider",
    response_model=HealthDocument,
    responses=health_responses(),
    openapi_extra=requests.OPEN,
)
async def health(request: Request) -> Response:
    """Returns the state of Server B. Needs no token."""
    backend = backend_of(request)
    try:
        async with lookup(request) as client:
            status = await client.get_status(on_behalf_of="" if backend.dial.token else ANONYMOUS)
    except InvalidRequest:  # this request is invalid, which says nothing about Server B
        raise
    except Unauthenticated as error:
        if error.is_of_caller:
            return await _health_alone(backend)
        return json_response(unhealthy_document(refused_token(error)), status=503)
    except RelayError as error:
        shown = type(error)() if backend.hides_target else error
        return json_response(unhealthy_document(shown), status=503)
    return json_response(health_document(status))


@router.get(
    "/models",
    tags=[SERVER],
    summary="List the available models",
    response_model=ModelListDocument,
    responses=json_responses(examples.MODELS, *OF_SERVER_B, *OF_A_PROVIDER),
    openapi_extra=requests.LOOKUP,
)
async def models(request: Request) -> Response:
    """Returns the provider's models."""
    async with lookup(request) as client:
        listed = await client.list_models(**caller_of(request).arguments)
    return json_response({**models_document(listed), "object": "list", "data": model_documents(listed)})


@router.get(
    "/config",
    tags=[SERVER],
    summary="Show the defaults of a call",
    response_model=ConfigDocument,
    responses=json_responses(examples.CONFIG, *OF_SERVER_B),
    openapi_extra=requests.LOOKUP,
)
async def config(request: Request) -> Response:
    """Returns the provider and the default model, temperature and output limit."""
    async with lookup(request) as client:
        status = await client.get_status(**caller_of(request).arguments)
    return json_response(config_document(status))


async def _health_alone(backend: Backend) -> Response:
    """Responds by a health check alone: Server B shows its state only with a token, and the gateway has none."""
    try:
        await check_health(backend.dial, timeout_s=HEALTH_TIMEOUT_S)
    except RelayError as error:
        return json_response(unhealthy_document(type(error)() if backend.hides_target else error), status=503)
    return json_response(healthy_document())
