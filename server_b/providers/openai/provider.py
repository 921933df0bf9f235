"""The provider for OpenAI, and for every server with its chat completions or Responses API."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson

from llm_relay.errors import ProviderRejected, RelayError
from llm_relay.messages import Models, Prompt
from server_b.providers.base import (
    UNLIMITED_OUTPUT_TOKENS,
    AskedModel,
    Defaults,
    Opening,
    Piece,
    WholeAnswer,
)
from server_b.providers.costly_options import costly_options
from server_b.providers.http.errors import AddsAskedBefore, with_asked_before
from server_b.providers.http.response import Response
from server_b.providers.openai.client import VENDOR_URL, OpenAIClient
from server_b.providers.openai.failures.errors import error_of, field_error
from server_b.providers.openai.failures.failure import Failed, Failure
from server_b.providers.openai.interfaces import CHAT, Api, Interface, InterfaceChoice, Reader
from server_b.providers.openai.models.model_details import known_of
from server_b.providers.openai.models.model_list import models_from_wire
from server_b.providers.openai.provider_name import NAME
from server_b.providers.openai.refused_defaults import (
    CHAT_COMPLETIONS,
    Change,
    Refusals,
    Refused,
    change_for,
    change_of_interface,
    refused_field,
)
from server_b.providers.openai.request.provider_options import NEUTRAL_OPTIONS, ignored_members
from server_b.providers.unused_options import options_of_others

MAX_LIST_BYTES = 64 * 2**20
END_WAIT_S = 5.0
"""How long counts and the end mark may take after the finish reason, in seconds."""
_NO_PATH_STATUSES = (404, 405, 501)
"""Statuses of servers without a Responses API."""
_NO_LIST_STATUSES = (404, 405, 410, 501)
"""Statuses of servers that do not list their models."""
_NO_SCOPE = ("missing scopes", "insufficient permissions")
"""Texts of OpenAI for a key that may call models but not list them."""


@dataclass(slots=True, kw_only=True)
class _Known:
    """What is known about the model while one prompt is asked."""

    model: str
    """The key under which its refusals are remembered."""
    refused: Refused
    lasting: Refused
    """The part of `refused` that the model refuses with every prompt."""
    failure_of_chat: Failure | None = None
    """Why chat completions cannot answer the prompt."""
    answers: bool = False
    """Whether it has begun to answer. From then on the prompt is not sent again."""
    asked_before: list[RelayError] = field(default_factory=list)
    """The errors of earlier sendings of the prompt."""

    def add(self, change: Change, failure: Failure) -> None:
        """Adds what a failure has shown about the model."""
        self.asked_before.append(error_of(failure))
        self.refused |= change.names
        self.lasting = self.lasting | change.names if change.lasts else self.lasting
        if CHAT_COMPLETIONS in change.names:
            self.failure_of_chat = failure

    def cause(self, failure: Failure) -> Failure:
        """Returns the failure to report. For a missing Responses API, that is the failure of chat completions."""
        return self.failure_of_chat if self.failure_of_chat and failure.status in _NO_PATH_STATUSES else failure


class OpenAIProvider:
    """Answers prompts with POST /chat/completions or /responses."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        default_model: str,
        defaults: Defaults,
        fetches_urls: bool = False,
        api: Api = Api.AUTO,
    ) -> None:
        """An empty `base_url` means OpenAI's own. Raises ValueError that names a bad variable.

        `fetches_urls`: a server other than OpenAI's fetches images by URL.
        """
        self._client = OpenAIClient(api_key, base_url)
        self._is_vendor = self._client.base_url == VENDOR_URL
        self._choice = InterfaceChoice(api=api, is_vendor=self._is_vendor, fetches_urls=fetches_urls or self._is_vendor)
        self._default_model = default_model
        self._defaults = defaults
        self._refusals = Refusals()

    @property
    def name(self) -> str:
        """Always openai."""
        return "openai"

    @property
    def default_model(self) -> str:
        """The model for prompts that name none."""
        return self._default_model

    @property
    def endpoint(self) -> str:
        """The base URL of all requests."""
        return self._client.base_url

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming the field, for what the interface that would be asked does not support."""
        interface = self._choice.of(prompt, self._refusals.of(self._refusing(prompt)))
        self._choice.refuse_unsupported(prompt, interface, self._model(prompt))

    def ignored_options(self, prompt: Prompt) -> Iterator[str]:
        """Yields the provider_options of other providers, and those that only OpenAI's own endpoint accepts."""
        yield from options_of_others(prompt.options, self.name)
        yield from ignored_members(prompt.options, is_vendor=self._is_vendor)

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns the model that the prompt names, or the default model."""
        refused = self._refusals.of(self._refusing(prompt))
        limit = self._choice.of(prompt, refused).limit(prompt, self._defaults, refused)
        asked = AskedModel(
            provider=self.name,
            model=self._model(prompt),
            most_output_tokens=UNLIMITED_OUTPUT_TOKENS if limit is None else limit,
            costly_options=costly_options(prompt.options, NAME, NEUTRAL_OPTIONS),
        )
        return (asked,)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and one Ending. Raises a RelayError.

        If the model refuses something that the caller did not ask for, asks again without it.
        """
        del whole  # the answer is always requested as a stream
        model, asked = self._model(prompt), self._refusing(prompt)
        known = _Known(model=asked, refused=(refusals := self._refusals.of(asked)), lasting=refusals)
        while True:
            interface = self._choice.of(prompt, known.refused)
            if known.failure_of_chat is not None:
                self._choice.refuse_unsupported(prompt, interface, self._model(prompt))
            if "stream" in known.refused:
                yield WholeAnswer()
            body = interface.body(prompt, model, self._defaults, known.refused, is_vendor=self._is_vendor)
            reader = interface.reader(model)
            try:
                with (
                    AddsAskedBefore(known.asked_before),
                    contextlib.closing(await self._ask(interface, body, known)) as response,
                ):
                    while chunk := await _next_chunk(response, reader):
                        for piece in self._noting(reader.read(chunk), reader, known):
                            yield piece
                    for piece in self._noting(reader.end(), reader, known):
                        yield piece
            except Failed as failed:
                change = None if known.answers else self._change(failed.failure, interface, body, prompt)
                if change is None or change.names <= known.refused:
                    error = _error(failed.failure if known.answers else known.cause(failed.failure), prompt)
                    raise with_asked_before(known.asked_before, error) from failed
                known.add(change, failed.failure)
            else:
                return

    async def _ask(self, interface: Interface, body: dict[str, object], known: _Known) -> Response:
        return await self._client.ask(interface.path, orjson.dumps(body), known.asked_before)

    def _noting(self, pieces: Iterable[Piece], reader: Reader, known: _Known) -> Iterator[Piece]:
        """Passes pieces on. When the model begins to answer, remembers what was found out about it."""
        for piece in pieces:
            if isinstance(piece, Opening):
                known.answers = True
                whole_only = {"stream"} if reader.is_whole else set()
                self._refusals.remember(known.model, known.lasting | whole_only)
                if known.asked_before:
                    opening = replace(piece, asked_before=tuple(known.asked_before))
                    known.asked_before.clear()
                    yield opening
                    continue
            yield piece

    def _refusing(self, prompt: Prompt) -> str:
        """Returns the key under which refusals are remembered: with tools a model may refuse more than without them."""
        return f"{self._model(prompt)} with tools" if prompt.options.tools else self._model(prompt)

    def _model(self, prompt: Prompt) -> str:
        return prompt.model if prompt.model and prompt.model.strip() else self._default_model

    def _change(self, failure: Failure, interface: Interface, body: dict[str, object], prompt: Prompt) -> Change | None:
        """Returns what to change in a refused request: its interface, or its members. None: nothing would help."""
        if self._choice.api is Api.AUTO and interface is CHAT and (change := change_of_interface(failure)):
            return change
        return change_for(failure, body, prompt, self._defaults)

    async def list_models(self) -> Models:
        """Lists the server's models and the default model. Raises a RelayError."""
        found: Mapping[str, Mapping[str, object]] = {}
        try:
            with contextlib.closing(await self._client.list_models()) as response:
                found = models_from_wire(await response.read(MAX_LIST_BYTES))
        except Failed as failed:
            if failed.failure.status not in _NO_LIST_STATUSES and not _lacks_scope(failed.failure):
                raise error_of(failed.failure) from failed
        listed = tuple(sorted({*found, self._default_model}))
        note = "" if found else "this server does not list its models"
        details = tuple(known_of(name, found.get(name, {}), is_vendor=self._is_vendor) for name in listed)
        return Models(provider=self.name, models=listed, default_model=self._default_model, note=note, details=details)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


async def _next_chunk(response: Response, reader: Reader) -> bytes:
    """Returns more of the body; empty at its end, after the end mark, or if the end mark does not arrive in time."""
    if reader.ended:
        await response.drain()
        return b""
    if not reader.has_finish_reason:
        return await response.next_chunk()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_WAIT_S):
            return await response.next_chunk()
    return b""


def _lacks_scope(failure: Failure) -> bool:
    return failure.status == 403 and any(text in failure.text for text in _NO_SCOPE)


def _error(failure: Failure, prompt: Prompt) -> RelayError:
    error = error_of(failure)
    if isinstance(error, ProviderRejected) and (field := refused_field(failure, prompt)):
        return field_error(field, failure)
    return error
