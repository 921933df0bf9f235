"""OpenAI, and every server that speaks its chat completions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import orjson

from llm_relay.errors import ProviderRejected, RelayError
from llm_relay.messages import NO_OPTIONS, Models, Prompt
from server_b.providers.base import Defaults, Opening, Piece, WholeAnswer
from server_b.providers.openai.answer import AnswerReader
from server_b.providers.openai.client import VENDOR_URL, OpenAIClient
from server_b.providers.openai.errors import error_of, field_error
from server_b.providers.openai.failure import Failed, Failure
from server_b.providers.openai.models import model_names_from_wire
from server_b.providers.openai.refusals import Refusals, change_for, refused_field
from server_b.providers.openai.request import request_body
from server_b.providers.openai.unsupported import refuse_unsupported

MAX_LIST_BYTES = 64 * 2**20
END_WAIT_S = 5.0
"""How long counts and the end mark may take once the provider has said why its answer ends."""
_NO_LIST_STATUSES = (404, 405, 410, 501)
"""How servers answer that do not list their models."""
_NO_SCOPE = ("missing scopes", "insufficient permissions")
"""How OpenAI answers a key that may call models but not list them."""


class OpenAIProvider:
    """Answers prompts by POST /chat/completions."""

    def __init__(
        self, *, api_key: str, base_url: str, default_model: str, defaults: Defaults, fetches_urls: bool = False
    ) -> None:
        """An empty `base_url` is the vendor's; raises ValueError that names the variable if one is not usable.

        `fetches_urls`: a server other than the vendor's fetches images by their URL.
        """
        self._client = OpenAIClient(api_key, base_url)
        self._is_vendor = self._client.base_url == VENDOR_URL
        self._fetches_urls = fetches_urls or self._is_vendor
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

    @property
    def endpoint(self) -> str:
        """The base URL that is asked."""
        return self._client.base_url

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming the field, for what chat completions cannot carry."""
        if prompt.parts or prompt.options is not NO_OPTIONS or any(turn.parts for turn in prompt.history):
            refuse_unsupported(prompt, fetches_urls=self._fetches_urls)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and one Ending; raises a RelayError.

        What the model refuses of the request, and the caller did not ask for, is left out and asked again.
        """
        del whole  # asked for as a stream all the same
        model = prompt.model if prompt.model and prompt.model.strip() else self._default_model
        refused = lasting = self._refusals.of(model)
        while True:
            if "stream" in refused:
                yield WholeAnswer()
            body = request_body(prompt, model, self._defaults, refused, is_vendor=self._is_vendor)
            reader = AnswerReader(model)
            opened = False
            try:
                async with contextlib.aclosing(self._answer(body, reader)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Opening):
                            opened = True
                            self._refusals.remember(model, lasting | {"stream"} if reader.is_whole else lasting)
                        yield piece
            except Failed as failed:
                change = None if opened else change_for(failed.failure, body, prompt, self._defaults)
                if change is None or change.names <= refused:
                    raise _error(failed.failure, prompt) from failed
                refused |= change.names
                lasting = lasting | change.names if change.lasts else lasting
            else:
                return

    async def _answer(self, body: dict[str, object], reader: AnswerReader) -> AsyncGenerator[Piece, None]:
        """Sends one request and yields its answer; raises Failed, or a RelayError."""
        with contextlib.closing(await self._client.complete(orjson.dumps(body))) as response:
            chunks = response.chunks()
            while (chunk := await _next(chunks, END_WAIT_S if reader.has_finish_reason else None)) is not None:
                for piece in reader.read(chunk):
                    yield piece
                if reader.ended:
                    await response.drain()
                    break
            for piece in reader.end():
                yield piece

    async def list_models(self) -> Models:
        """Lists the server's models, and the default one; raises a RelayError."""
        names: frozenset[str] = frozenset()
        try:
            with contextlib.closing(await self._client.list_models()) as response:
                names = model_names_from_wire(await response.read(MAX_LIST_BYTES))
        except Failed as failed:
            if failed.failure.status not in _NO_LIST_STATUSES and not _lacks_scope(failed.failure):
                raise error_of(failed.failure) from failed
        listed = tuple(sorted({*names, self._default_model}))
        note = "" if names else "this server does not list its models"
        return Models(provider=self.name, models=listed, default_model=self._default_model, note=note)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


async def _next(chunks: AsyncGenerator[bytes, None], within_s: float | None) -> bytes | None:
    """Returns the next part of a body; None at its end, or when it does not come in time."""
    if within_s is None:
        return await anext(chunks, None)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            return await anext(chunks, None)
    return None


def _lacks_scope(failure: Failure) -> bool:
    return failure.status == 403 and any(text in failure.text for text in _NO_SCOPE)


def _error(failure: Failure, prompt: Prompt) -> RelayError:
    error = error_of(failure)
    if isinstance(error, ProviderRejected) and (field := refused_field(failure, prompt)):
        return field_error(field, failure)
    return error
