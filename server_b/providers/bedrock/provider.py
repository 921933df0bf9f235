"""The Bedrock provider: Converse and ConverseStream through boto3, which blocks.

bedrock_session makes the clients, bedrock_threads runs their calls beside the event loop, bedrock_line cuts
their connections, bedrock_wire and bedrock_errors translate, bedrock_models knows the short names.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import Models, Prompt
from server_b.providers.base import Completion, Defaults, Piece, Text, WholeAnswer
from server_b.providers.bedrock.errors import refused_parameters, relay_errors
from server_b.providers.bedrock.models import listed, resolve
from server_b.providers.bedrock.session import LIST_TIMEOUT_S, create_catalogue, create_runtime, create_session
from server_b.providers.bedrock.threads import Threads
from server_b.providers.bedrock.wire import (
    asked_parameters,
    coalesced,
    completion_from_wire,
    pieces_from_wire,
    request_to_wire,
)

NOT_LISTED = "Bedrock did not list its models ({reason}): these are the short names and what they stand for"


class BedrockProvider:
    """Answers through the Bedrock runtime of one AWS region."""

    name = "bedrock"

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
        concurrency: int,
    ) -> None:
        """Blank texts are left to boto3; `concurrency` is how many calls run at once, the others wait.

        Raises ValueError, with the variable and the mend, if there are no credentials or a setting is wrong.
        """
        session = create_session(
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            profile=profile,
            region=region,
        )
        self._runtime = create_runtime(session, endpoint_url=endpoint_url, concurrency=concurrency)
        self._catalogue = create_catalogue(session, endpoint_url=endpoint_url)
        self._threads = Threads(concurrency)
        self._region = region
        self._default_model = resolve(default_model, region)
        self._defaults = defaults
        self._refused: dict[str, frozenset[str]] = {}

    @property
    def default_model(self) -> str:
        """The id of the model used where a prompt names none."""
        return self._default_model

    @property
    def endpoint(self) -> str:
        """The URL of the region's runtime, or the one that is set."""
        return str(self._runtime.meta.endpoint_url)

    async def complete(self, prompt: Prompt) -> Completion:
        return await self._threads.run(partial(self._complete, prompt))

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        if whole:
            yield WholeAnswer()
            for piece in (await self.complete(prompt)).pieces():
                yield piece
            return
        batches = self._threads.pour(partial(self._pieces, prompt), size=_size)
        async with contextlib.aclosing(batches):
            async for batch in batches:
                for piece in coalesced(batch):
                    yield piece

    async def list_models(self) -> Models:
        found, note = await self._found_models()
        models = listed(self._region, (self._default_model, *found))
        return Models(provider=self.name, models=models, default_model=self._default_model, note=note)

    async def close(self) -> None:
        await self._threads.close()
        self._runtime.close()
        self._catalogue.close()

    async def _found_models(self) -> tuple[tuple[str, ...], str]:
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                return await self._threads.run(self._list), ""
        except RelayError as error:
            return (), NOT_LISTED.format(reason=error.reason)
        except TimeoutError:
            return (), NOT_LISTED.format(reason=f"no answer in {LIST_TIMEOUT_S} s")

    # Below here everything blocks, and runs in a thread.

    def _complete(self, prompt: Prompt) -> Completion:
        model = self._model(prompt)
        with relay_errors():
            return completion_from_wire(self._ask(self._runtime.converse, prompt, model), model)

    def _pieces(self, prompt: Prompt) -> Generator[Piece, None, None]:
        model = self._model(prompt)
        with (
            relay_errors(),
            contextlib.closing(self._ask(self._runtime.converse_stream, prompt, model)["stream"]) as events,
        ):
            yield from pieces_from_wire(events, model)

    def _ask(self, operation: Callable[..., Any], prompt: Prompt, model: str) -> Any:
        """Sends the request; again without a default of ours that the model refuses, and without it from then on."""
        while True:
            left_out = self._refused.get(model, frozenset())
            try:
                return operation(**request_to_wire(prompt, model, self._defaults, left_out))
            except ClientError as error:
                refused = refused_parameters(error) - asked_parameters(prompt).keys() - left_out
                if not refused:
                    raise
                self._refused[model] = left_out | refused

    def _list(self) -> tuple[str, ...]:
        with relay_errors():
            response = self._catalogue.list_foundation_models(byOutputModality="TEXT")
        if "modelSummaries" not in response:
            raise ProviderProtocol
        summaries = response["modelSummaries"]
        return tuple(summary["modelId"] for summary in summaries if _is_active(summary))

    def _model(self, prompt: Prompt) -> str:
        named = (prompt.model or "").strip()
        return resolve(named, self._region) if named else self._default_model


def _is_active(summary: dict[str, Any]) -> bool:
    return bool(summary.get("modelLifecycle", {}).get("status", "ACTIVE") == "ACTIVE")


def _size(piece: Piece) -> int:
    return len(piece.text) if isinstance(piece, Text) else 0
