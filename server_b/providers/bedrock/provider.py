"""The Bedrock provider. It asks with ConverseStream, or with Converse if the model does not stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

import orjson

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import NO_OPTIONS, Models, Prompt
from server_b.providers.base import (
    UNLIMITED_OUTPUT_TOKENS,
    AskedModel,
    Defaults,
    Opening,
    Piece,
    WholeAnswer,
)
from server_b.providers.bedrock.account.account import open_account
from server_b.providers.bedrock.answer.pieces import StreamReader, whole_answer
from server_b.providers.bedrock.aws_models import AwsModels
from server_b.providers.bedrock.client import MAX_DOCUMENT_BYTES, BedrockClient
from server_b.providers.bedrock.failures.errors import relay_error
from server_b.providers.bedrock.failures.failure import Refusal
from server_b.providers.bedrock.models.model_details import known_of
from server_b.providers.bedrock.models.model_ids import (
    is_application_profile,
    list_names,
    listed,
    profile_in_area,
    resolve,
)
from server_b.providers.bedrock.provider_name import NAME
from server_b.providers.bedrock.refused_defaults import MAX_TOKENS, STREAMING, Refusals, Refused, is_lasting, refused_of
from server_b.providers.bedrock.request.body import asked_parameters, request_body
from server_b.providers.bedrock.request.thinking import lacks_reasoning, room_tokens, thinking_as_possible
from server_b.providers.bedrock.request.tools import tool_config
from server_b.providers.bedrock.request.unsupported import refuse_unsupported
from server_b.providers.costly_options import costly_options
from server_b.providers.http.errors import with_asked_before
from server_b.providers.http.response import Response
from server_b.providers.unused_options import options_of_others

NEUTRAL_OPTIONS = frozenset({"top_k", "topK", "random_seed", "seed"})
"""Members of provider_options that change neither prices nor the longest possible answer."""
USAGE_TIMEOUT_S = 2.0
"""How long an answer that has ended waits for its usage, which follows at once, in seconds."""


class BedrockProvider:
    """Answers through the Bedrock runtime of one AWS region."""

    name = NAME

    def __init__(
        self,
        *,
        access_key_id: str,
        secret_access_key: str,
        session_token: str,
        profile: str,
        region: str,
        endpoint_url: str,
        default_model: str,
        defaults: Defaults,
    ) -> None:
        """boto3 finds the values of blank arguments.

        Raises ValueError, with the variable and the fix, if there are no credentials or a setting is wrong.
        """
        self._account = open_account(
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            profile=profile,
            region=region,
            endpoint_url=endpoint_url,
        )
        self._client = BedrockClient(self._account)
        self._aws_models = AwsModels(self._client)
        self._default_model = self._resolved(default_model)
        self._defaults = defaults
        self._refusals = Refusals()

    @property
    def default_model(self) -> str:
        """The id of the model for prompts that name none."""
        return self._default_model

    @property
    def endpoint(self) -> str:
        """The URL of the region's runtime, or the configured one."""
        return self._account.runtime_url

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming the field, for what Converse or the model is known not to accept."""
        if not _is_plain(prompt):
            model = self._known_model(prompt)
            refuse_unsupported(prompt if model is None else thinking_as_possible(prompt, model), model)

    def ignored_options(self, prompt: Prompt) -> Iterator[str]:
        """Yields other providers' options, and thinking if the model's earlier reasoning was not sent back."""
        yield from options_of_others(prompt.options, self.name)
        model = self._known_model(prompt)
        if model is not None and lacks_reasoning(prompt, model):
            yield "options.thinking"

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns the model that the prompt names, or the default model."""
        model = self._model(prompt)
        priced_as = await self._aws_models.other_names(model)
        if prompt.max_tokens is not None:
            most = prompt.max_tokens
        elif MAX_TOKENS in self._refusals.of(_refusing(prompt, model)):
            most = UNLIMITED_OUTPUT_TOKENS
        else:
            most = self._defaults.max_tokens + room_tokens(prompt, priced_as[-1] if priced_as else model)
        costly = costly_options(prompt.options, self.name, NEUTRAL_OPTIONS)
        asked = AskedModel(
            provider=self.name, model=model, priced_as=priced_as, most_output_tokens=most, costly_options=costly
        )
        return (asked,)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:  # noqa: ARG002
        """Yields one Opening, Texts and, unless the stream was cut, one Ending. Raises a RelayError.

        If the model refuses one of our own defaults, asks again without it, and leaves it out from then on.
        """
        model = self._model(prompt)
        if (known := self._known_model(prompt)) is not None:
            prompt = thinking_as_possible(prompt, known)
        priced_as = await self._aws_models.other_names(model)
        named = priced_as[-1] if priced_as else model
        if not _is_plain(prompt):
            refuse_unsupported(prompt, named)
        asked = _refusing(prompt, model)
        refused = lasting = self._refusals.of(asked)
        before: list[RelayError] = []
        while True:
            begun = False
            try:
                async with contextlib.aclosing(self._answer(prompt, model, named, refused, before)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Opening):
                            begun = True
                            self._refusals.remember(asked, lasting)
                            opening = replace(piece, priced_as=priced_as, asked_before=tuple(before))
                            before.clear()
                            yield opening
                        else:
                            yield piece
            except Refusal as refusal:
                more = refused_of(refusal.failure) - asked_parameters(prompt).keys() - refused
                if begun or not more:
                    profile = profile_in_area(model, self._account.region)
                    raise with_asked_before(
                        before, relay_error(refusal.failure, begun=begun, profile=profile)
                    ) from refusal
                before.append(relay_error(refusal.failure))
                refused |= more
                if is_lasting(refusal.failure, self._defaults.max_tokens):
                    lasting |= more
            else:
                return

    async def list_models(self) -> Models:
        """Returns the short names, the ids they stand for, and what AWS lists. A note says if AWS lists nothing."""
        listing = await self._aws_models.models()
        names = listed(self._account.region, self._account.partition, (self._default_model, *listing.ids))
        ids = {name: self._resolved(name) for name in names}
        return Models(
            provider=self.name,
            models=names,
            default_model=self._default_model,
            note=listing.note,
            details=tuple(known_of(name, model, listing.inputs) for name, model in ids.items()),
            priced_as={name: (model, *list_names(model)) for name, model in ids.items()},
        )

    async def aws_models(self) -> tuple[str, ...]:
        """Returns the ids of the models and profiles that AWS lists for this account.

        Raises a RelayError, which says more than the note of `list_models`, or TimeoutError.
        """
        return (await self._aws_models.listed()).ids

    async def close(self) -> None:
        """Closes all connections, including those in use."""
        await self._client.close()

    async def _answer(
        self, prompt: Prompt, model: str, named: str, refused: Refused, before: list[RelayError]
    ) -> AsyncGenerator[Piece, None]:
        """Asks once; `named` is the id of the model behind a profile. Raises Refusal or a RelayError."""
        streaming = STREAMING not in refused
        if not streaming:
            yield WholeAnswer()
        body = orjson.dumps(request_body(prompt, self._defaults, refused, named))
        with contextlib.closing(
            await self._client.converse(model, body, streaming=streaming, asked_before=before)
        ) as response:
            if not streaming or _is_json(response):
                for piece in whole_answer(await response.read(MAX_DOCUMENT_BYTES), model):
                    yield piece
                return
            reader = StreamReader(model)
            while block := await _next_block(response, reader):
                for piece in reader.read(block):
                    yield piece
            await response.drain()
        for piece in reader.end():
            yield piece

    def _model(self, prompt: Prompt) -> str:
        named = (prompt.model or "").strip()
        return self._resolved(named) if named else self._default_model

    def _known_model(self, prompt: Prompt) -> str | None:
        """Returns the model; None for an application inference profile, whose model only AWS knows."""
        model = self._model(prompt)
        return None if is_application_profile(model) else model

    def _resolved(self, name: str) -> str:
        return resolve(name, self._account.region, self._account.partition)


def _refusing(prompt: Prompt, model: str) -> str:
    """Returns the key under which refusals are remembered: some models stream, but not with tools."""
    return f"{model} with tools" if tool_config(prompt) else model


def _is_plain(prompt: Prompt) -> bool:
    return not prompt.parts and prompt.options is NO_OPTIONS and not any(turn.parts for turn in prompt.history)


def _is_json(response: Response) -> bool:
    """Tells whether a document arrived instead of a stream: a whole answer, or an error."""
    return response.headers.get("content-type", "").lower().startswith("application/json")


async def _next_block(response: Response, reader: StreamReader) -> bytes:
    """Returns more of the body; empty at its end, or when the reader has the whole answer.

    An answer that has ended is complete, even if its usage never arrives.
    """
    if reader.complete:
        return b""
    if not reader.stopped:
        return await response.next_chunk()
    with contextlib.suppress(TimeoutError, ProviderProtocol):
        async with asyncio.timeout(USAGE_TIMEOUT_S):
            return await response.next_chunk()
    return b""
