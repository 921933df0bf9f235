"""The routes of OpenAI's interface, with and without the prefix /v1."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.dependencies import backend_of, caller_of, lookup
from gateway.json_response import json_response
from gateway.model_list import model_document, model_documents
from gateway.openai import examples
from gateway.openai.answer_shapes import ChatCompletion, ModelDocument, OpenAIModelList, ResponseDocument
from gateway.openai.bodies.chat import ChatBody
from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.calls import OpenAICall, read_chat_call, read_responses_call
from gateway.openai.chat.answer import completion_document
from gateway.openai.chat.stream import ChatLines
from gateway.openai.description import TAG, described_body, described_responses
from gateway.openai.responses.answer import response_document
from gateway.openai.responses.stream import ResponseLines
from gateway.openapi.requests import LOOKUP
from gateway.requests.disconnect_watcher import while_client_stays
from llm_relay.errors import UnknownModel

router = APIRouter(tags=[TAG])


@router.post("/chat/completions", include_in_schema=False)
@router.post(
    "/v1/chat/completions",
    summary="Create a chat completion",
    response_model=ChatCompletion,
    responses=described_responses(examples.CHAT_ANSWER, streamed=True, events=examples.CHAT_EVENTS),
    openapi_extra=described_body(ChatBody, examples.CHATS),
)
async def chat_completions(
    request: Request, parsed: Annotated[OpenAICall[ChatBody], Depends(read_chat_call)]
) -> Response:
    """Returns a chat completion, whole or streamed. If the client leaves, the call is stopped."""
    body = parsed.body
    if body.stream:
        include_usage = bool(body.stream_options and body.stream_options.include_usage)
        lines = ChatLines(parsed.call.prompt.request_id, int(parsed.created), include_usage=include_usage)
        return parsed.stream(lines, backend_of(request).pings)
    with parsed.noting_when_left():
        async with while_client_stays(request.receive):
            answer, headers = await parsed.process()
    return json_response(completion_document(answer, int(parsed.created)), headers=headers)


@router.post("/responses", include_in_schema=False)
@router.post(
    "/v1/responses",
    summary="Create a response",
    response_model=ResponseDocument,
    responses=described_responses(examples.RESPONSE_ANSWER, streamed=True),
    openapi_extra=described_body(ResponsesBody, examples.RESPONSES),
)
async def responses(
    request: Request, parsed: Annotated[OpenAICall[ResponsesBody], Depends(read_responses_call)]
) -> Response:
    """Returns a response, whole or streamed. Nothing is stored."""
    if parsed.body.stream:
        lines = ResponseLines(parsed.body, parsed.call.prompt.request_id, parsed.created)
        return parsed.stream(lines, backend_of(request).pings)
    with parsed.noting_when_left():
        async with while_client_stays(request.receive):
            answer, headers = await parsed.process()
    return json_response(response_document(answer, parsed.body, parsed.created), headers=headers)


@router.get(
    "/v1/models",
    summary="List the models in OpenAI's shape",
    name="openai_models",
    response_model=OpenAIModelList,
    responses=described_responses(examples.MODELS),
    openapi_extra=LOOKUP,
)
async def openai_models(request: Request) -> Response:
    """Lists the available models."""
    async with lookup(request) as client:
        listed = await client.list_models(**caller_of(request).arguments)
    return json_response({"object": "list", "data": model_documents(listed)})


@router.get(
    "/v1/models/{model:path}",
    summary="Retrieve a model",
    response_model=ModelDocument,
    responses={
        **described_responses(examples.MODEL),
        422: described_responses(examples.MODEL)[400],
    },  # otherwise FastAPI describes its own error
    openapi_extra=LOOKUP,
)
@router.get("/models/{model:path}", include_in_schema=False)
async def model(request: Request, model: Annotated[str, Path(description="May contain / and :")]) -> Response:
    """Returns a model if it is available."""
    async with lookup(request) as client:
        listed = await client.list_models(**caller_of(request).arguments)
    if model not in (*listed.models, listed.default_model):
        raise UnknownModel(f"The model '{model[:100]}' does not exist. GET /v1/models lists the available models")
    return json_response(model_document(model, listed.provider))
