"""OpenAI, and every server that speaks its chat completions; what it says is read from its bytes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import orjson

from llm_relay.errors import UnknownModel
from llm_relay.messages import Models, Prompt
from server_b.providers.base import Completion, Defaults, Piece, WholeAnswer
from server_b.providers.http.response import Response
from server_b.providers.openai.answer import StreamReader, completion_from_wire, model_names_from_wire
from server_b.providers.openai.client import MAX_DOCUMENT_BYTES, OpenAIClient
from server_b.providers.openai.errors import BadStatus, error_before_answer
from server_b.providers.openai.request import Refusals, refused_parameter, request_body


class OpenAIProvider:
    """Completes prompts by POST /chat/completions."""

    def __init__(self, *, api_key: str, base_url: str, default_model: str, defaults: Defaults) -> None:
        """An empty `base_url` is the vendor's; raises ValueError that names the variable if one is not usable."""
        self._client = OpenAIClient(api_key, base_url)
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

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers a prompt whole; raises a RelayError."""
        model = self._model(prompt)
        with contextlib.closing(await self._ask(prompt, model, stream=False)) as answer:
            return completion_from_wire(await answer.read(MAX_DOCUMENT_BYTES), model)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields one Opening, Texts and, unless the stream was cut, one Ending; raises a RelayError."""
        if whole:
            yield WholeAnswer()
            for piece in (await self.complete(prompt)).pieces():
                yield piece
            return
        model = self._model(prompt)
        reader = StreamReader(model)
        with contextlib.closing(await self._ask(prompt, model, stream=True)) as answer:
            async for chunk in answer.chunks():
                for piece in reader.read(chunk):
                    yield piece
                if reader.complete:
                    await answer.drain()
                    break
        if reader.ending is not None:
            yield reader.ending

    async def list_models(self) -> Models:
        """Lists the server's models, and the default one; raises a RelayError."""
        names: set[str] = set()
        note = ""
        try:
            names = await self._list_models()
        except UnknownModel:
            note = "this server does not list its models"
        listed = tuple(sorted({*names, self._default_model}))
        return Models(provider=self.name, models=listed, default_model=self._default_model, note=note)

    async def _list_models(self) -> set[str]:
        try:
            answer = await self._client.list_models()
        except BadStatus as error:
            raise error_before_answer(error) from error
        with contextlib.closing(answer):
            return model_names_from_wire(await answer.read(MAX_DOCUMENT_BYTES))

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    def _model(self, prompt: Prompt) -> str:
        return prompt.model if prompt.model and prompt.model.strip() else self._default_model

    async def _ask(self, prompt: Prompt, model: str, *, stream: bool) -> Response:
        """Sends a prompt, again without what the model refuses, and returns the open answer."""
        known = refused = self._refusals.of(model)
        while True:
            body = request_body(prompt, model, self._defaults, refused, stream=stream)
            try:
                answer = await self._client.complete(orjson.dumps(body), stream=stream)
            except BadStatus as error:
                parameter = refused_parameter(error, body, prompt)
                if parameter is None or parameter in refused:
                    raise error_before_answer(error) from error
                refused |= {parameter}
            else:
                if refused != known:
                    self._refusals.remember(model, refused)
                return answer
