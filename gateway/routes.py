"""The routes: each reads the request, asks Server B, and writes the answer down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypedDict, cast

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway import schemas
from gateway.direct_route import DirectRoute
from gateway.disconnect import while_client_stays
from gateway.request_parsing import before, deadline, read_prompt
from gateway.streaming import PING_S, EventStream
from llm_relay.client.relay_client import RelayClient
from llm_relay.documents import (
    answer_document,
    config_document,
    health_document,
    models_document,
    unhealthy_document,
)
from llm_relay.errors import InvalidRequest, RelayError
from llm_relay.messages import Prompt
from llm_relay.tokens import ANONYMOUS

router = APIRouter(route_class=DirectRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerB:
    """Server B as the routes see it; in the application's state, as `server_b`."""

    client: RelayClient
    timeout_s: float
    """A request's deadline where it names none, in seconds."""
    max_body_bytes: int
    known_callers_only: bool
    """Whether tokens are set: then /health, which needs none, does not tell where Server B is looked for."""
    ping_s: float = PING_S


@router.post("/process", **schemas.PROCESS)
async def process(request: Request) -> Response:
    call = await _read_call(request)
    async with while_client_stays(request.receive):
        answer = await _server_b(request).client.process(**call)
    return _json(answer_document(answer))


@router.post("/stream", **schemas.STREAM)
async def stream(request: Request) -> Response:
    call = await _read_call(request)
    server_b = _server_b(request)
    events = server_b.client.stream_process(**call)
    return EventStream(events, call["prompt"].request_id, ping_s=server_b.ping_s)


@router.post("/cancel/{request_id}", **schemas.CANCEL)
async def cancel(request: Request) -> Response:
    async with _asking(request) as client:
        found = await client.cancel(request.path_params["request_id"], on_behalf_of=_caller(request))
    return _json({"found": found})


@router.get("/health", **schemas.HEALTH)
async def health(request: Request) -> Response:
    try:
        async with _asking(request) as client:
            status = await client.get_status()
    except InvalidRequest:  # of this very request: it says nothing of Server B
        raise
    except RelayError as error:
        told = type(error)() if _server_b(request).known_callers_only else error
        return _json(unhealthy_document(told), status=503)
    return _json(health_document(status))


@router.get("/models", **schemas.MODELS)
async def models(request: Request) -> Response:
    async with _asking(request) as client:
        listed = await client.list_models(on_behalf_of=_caller(request))
    return _json(models_document(listed))


@router.get("/config", **schemas.CONFIG)
async def config(request: Request) -> Response:
    async with _asking(request) as client:
        status = await client.get_status(on_behalf_of=_caller(request))
    return _json(config_document(status))


class _Call(TypedDict):
    """What RelayClient is called with."""

    prompt: Prompt
    timeout_s: float
    on_behalf_of: str


async def _read_call(request: Request) -> _Call:
    server_b = _server_b(request)
    until = deadline(request, server_b.timeout_s)
    prompt = await read_prompt(request, request.state.request_id, deadline=until, max_bytes=server_b.max_body_bytes)
    request.state.request_id = prompt.request_id
    left_s = until - asyncio.get_running_loop().time()
    return {"prompt": prompt, "timeout_s": left_s, "on_behalf_of": _caller(request)}


@contextlib.asynccontextmanager
async def _asking(request: Request) -> AsyncIterator[RelayClient]:
    """Yields the client of Server B for a question that asks no model: until the deadline, while the caller stays."""
    server_b = _server_b(request)
    async with while_client_stays(request.receive), before(deadline(request, server_b.timeout_s)):
        yield server_b.client


def _server_b(request: Request) -> ServerB:
    return cast("ServerB", request.state.server_b)


def _caller(request: Request) -> str:
    """Returns the caller's name for Server B to heed, or nothing where tokens tell nobody apart."""
    return "" if request.state.caller == ANONYMOUS else request.state.caller


def _json(document: object, *, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, {"Cache-Control": "no-store"}, "application/json")
