"""OpenAI, and every server that speaks its chat completions, through the openai SDK.

The SDK makes and sends the requests; the answers are read from their bytes, because its objects cost
five to forty times as much a token as all else here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import cast

import aiohttp
import httpx2
import orjson
from openai import APIStatusError, AsyncStream

from server_b.providers.base import Completion, Defaults, Piece
from server_b.providers.openai_answer import (
    MAX_DOCUMENT_BYTES,
    StreamReader,
    completion_from_wire,
    model_names_from_wire,
)
from server_b.providers.openai_client import create_client
from server_b.providers.openai_errors import amid_answer, before_answer
from server_b.providers.openai_request import Refusals, refused_parameter, request_body
from transport.errors import ProviderProtocol, UnknownModel
from transport.messages import Models, Prompt

DRAIN_S = 0.1
"""How long the end of the HTTP body may take after the end mark, before the connection is given up instead of kept."""

WHOLE_HEADERS = {"Accept": "application/json"}
# Compressed, words would wait in the server for more of their kind.
STREAM_HEADERS = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}


class OpenAIProvider:
    """Completes prompts by POST /chat/completions."""

    def __init__(self, *, api_key: str, base_url: str, default_model: str, defaults: Defaults) -> None:
        """An empty `base_url` is the vendor's; raises ValueError that names the variable if one is not usable."""
        self._client = create_client(api_key, base_url)
        self._default_model = default_model
        self._defaults = defaults
        self._refusals = Refusals()

    @property
    def name(self) -> str:
        """Always openai."""
        return "openai"

    @property
    def default_model(self) -> str:
        """The model used where a prompt names none."""
        return self._default_model

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers a prompt whole; raises a RelayError."""
        model = self._model(prompt)
        async with contextlib.aclosing(await self._ask(prompt, model, stream=False)) as response:
            return completion_from_wire(await _body(response), model)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and, unless the stream was cut, one Ending; raises a RelayError."""
        model = self._model(prompt)
        reader = StreamReader(model)
        response = await self._ask(prompt, model, stream=True)
        async with contextlib.aclosing(response), contextlib.aclosing(response.aiter_bytes()) as blocks:
            with amid_answer():
                async for block in blocks:
                    for piece in reader.read(block):
                        yield piece
                    if reader.complete:
                        await _drain(blocks)
                        break
        if reader.ending is not None:
            yield reader.ending

    async def list_models(self) -> Models:
        """Lists the server's models, and the default one; raises a RelayError."""
        names: set[str] = set()
        note = ""
        try:
            async with contextlib.aclosing(await self._get("/models")) as response:
                names = model_names_from_wire(await _body(response))
        except UnknownModel:
            note = "this server does not list its models"
        listed = tuple(sorted({*names, self._default_model}))
        return Models(provider=self.name, models=listed, default_model=self._default_model, note=note)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def _model(self, prompt: Prompt) -> str:
        return prompt.model if prompt.model and prompt.model.strip() else self._default_model

    async def _ask(self, prompt: Prompt, model: str, *, stream: bool) -> httpx2.Response:
        """Sends a prompt, again without what the model refuses, and returns the open response."""
        known = refused = self._refusals.of(model)
        with before_answer():
            while True:
                body = request_body(prompt, model, self._defaults, refused, stream=stream)
                try:
                    response = await self._post(body, STREAM_HEADERS if stream else WHOLE_HEADERS)
                except APIStatusError as error:
                    parameter = refused_parameter(error, body, prompt)
                    if parameter is None or parameter in refused:
                        raise
                    refused |= {parameter}
                else:
                    if refused != known:
                        self._refusals.remember(model, refused)
                    return response

    async def _post(self, body: dict[str, object], headers: dict[str, str]) -> httpx2.Response:
        # With this cast_to the SDK returns the response itself, unread; its types do not say so.
        response = await self._client.post(
            "/chat/completions",
            cast_to=httpx2.Response,
            content=orjson.dumps(body),
            options={"headers": headers},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        return cast("httpx2.Response", response)

    async def _get(self, path: str) -> httpx2.Response:
        with before_answer():
            response = await self._client.get(
                path, cast_to=httpx2.Response, stream=True, stream_cls=AsyncStream[object]
            )
        return cast("httpx2.Response", response)


async def _body(response: httpx2.Response) -> bytes:
    body = bytearray()
    with amid_answer():
        async for block in response.aiter_bytes():
            body += block
            if len(body) > MAX_DOCUMENT_BYTES:
                raise ProviderProtocol("the provider's answer is too large")
    return bytes(body)


async def _drain(blocks: AsyncGenerator[bytes, None]) -> None:
    """Reads on to the end of the HTTP body, so that the connection can serve another call; gives up soon."""
    with contextlib.suppress(TimeoutError, httpx2.RequestError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in blocks:
                pass
