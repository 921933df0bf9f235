"""A provider made of providers: if one fails before it begins to answer, the next is asked.

This module decides which errors lead to the next provider, and which error is reported if all have failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence, Set
from dataclasses import replace

from llm_relay.errors import ProviderAuth, ProviderProtocol, ProviderUnavailable, RelayError, UnknownModel, Unsupported
from llm_relay.messages import Models, Prompt
from server_b.providers.base import (
    TRANSIENT,
    AskedModel,
    AttemptBegan,
    AttemptFailed,
    Counting,
    Piece,
    Provider,
    WholeAnswer,
    Working,
)
from server_b.providers.listing_timeout import LIST_TIMEOUT_S, list_models

MOVING_ON = (*TRANSIENT, ProviderAuth, UnknownModel, ProviderProtocol, Unsupported)
"""Errors after which another provider may answer. A refusal of the request is none: the next would refuse it too."""
LIST_EACH_S = LIST_TIMEOUT_S * 0.9
"""Shorter than LIST_TIMEOUT_S, so that a provider that is late with its list does not hide the others' lists."""

ModelMap = Mapping[tuple[str, str], str]
"""A provider's model, by provider name and requested model."""


class Fallback:
    """Asks its providers in order until one begins to answer. From then on no other is asked, even after a failure."""

    def __init__(
        self,
        providers: Sequence[Provider],
        models: ModelMap,
        *,
        retry_maybe_worked: bool = False,
        first: Provider | None = None,
    ) -> None:
        """`providers`, one or more, are closed together with this one; `models` is MODEL_MAP.

        `first` is the provider that is asked for the model that a prompt names; None: the first of `providers`.
        `retry_maybe_worked`: the next is asked even if one may have worked on the request, so both may bill it.
        """
        self._providers = tuple(providers)
        self._first = first or self._providers[0]
        self._models = models
        self._retry_maybe_worked = retry_maybe_worked

    @property
    def name(self) -> str:
        """The providers' names, separated by commas as in AI_PROVIDER."""
        return ",".join(provider.name for provider in self._providers)

    @property
    def default_model(self) -> str:
        """The first provider's default model."""
        return self._first.default_model

    def limited_to(self, names: Set[str]) -> Fallback:
        """Returns the same chain with only those of its providers that have these names, one or more."""
        kept = [provider for provider in self._providers if provider.name in names]
        return Fallback(kept, self._models, retry_maybe_worked=self._retry_maybe_worked, first=self._first)

    @property
    def endpoint(self) -> str:
        """Empty: each provider has its own."""
        return ""

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises the first provider's Unsupported if no provider accepts the prompt."""
        refusals: list[Unsupported] = []
        for provider in self._providers:
            try:
                provider.refuse_unsupported(self._prompt(provider, prompt))
            except Unsupported as error:
                refusals.append(error)
            else:
                return
        raise refusals[0]

    def ignored_options(self, prompt: Prompt) -> Iterator[str]:
        """Yields what any provider that may be asked would ignore, because it is not known which will answer."""
        for provider in self._providers:
            asked = self._prompt(provider, prompt)
            try:
                provider.refuse_unsupported(asked)
            except Unsupported:
                continue  # it will not be asked
            yield from provider.ignored_options(asked)

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns the model of each provider, in their order."""
        return tuple(
            [one for provider in self._providers for one in await provider.asked_models(self._prompt(provider, prompt))]
        )

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        """Yields the pieces of the first provider that begins to answer, after each attempt's beginning and failure."""
        failures: list[RelayError] = []
        for provider in self._providers:
            asked = self._prompt(provider, prompt)
            yield AttemptBegan(provider.name, asked.model or provider.default_model)
            begun = responded = False
            try:
                provider.refuse_unsupported(asked)
                async with contextlib.aclosing(provider.stream(asked, whole=whole)) as pieces:
                    async for piece in pieces:
                        begun = begun or not isinstance(piece, Working | WholeAnswer | Counting)
                        responded = responded or _is_response(piece)
                        yield piece
                if begun:
                    return
                raise ProviderProtocol("the provider's stream ended before it began")
            except RelayError as error:
                if begun:
                    raise
                failures.append(error)
                yield AttemptFailed(error)
                if not self._moves_on(error, worked=responded or error.may_have_worked):
                    break
        raise _error_to_report(failures)

    async def list_models(self) -> Models:
        """Lists the models of all providers, with a note that says which has which. Raises if none lists its models."""
        lists = await asyncio.gather(*map(_listed, self._providers))
        found = [models for models in lists if isinstance(models, Models)]
        if not found:
            raise _error_to_report([error for error in lists if isinstance(error, RelayError)])
        notes = [_note(models) for models in found]
        notes += [
            f"{provider.name}: not listed ({failure.reason})"
            for provider, failure in zip(self._providers, lists, strict=True)
            if isinstance(failure, RelayError)
        ]
        return Models(
            provider=self.name,
            models=tuple(sorted({self.default_model, *(name for models in found for name in models.models)})),
            default_model=self.default_model,
            note="; ".join(notes) if len(self._providers) > 1 else found[0].note,
            details=tuple(one for models in found for one in models.details),
            priced_as={name: others for models in found for name, others in models.priced_as.items()},
        )

    async def close(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for provider in self._providers:
                stack.push_async_callback(provider.close)

    def _prompt(self, provider: Provider, prompt: Prompt) -> Prompt:
        """Sets the mapped model. Without one, the first provider gets the requested model, and the others none."""
        named = prompt.model if prompt.model and prompt.model.strip() else None
        model = self._models.get((provider.name, named or self.default_model))
        if model is None:
            model = named if provider is self._first else None
        return prompt if model == named else replace(prompt, model=model)

    def _moves_on(self, error: RelayError, *, worked: bool) -> bool:
        if worked:  # a malformed answer is not asked for again, because it may be billed
            return self._retry_maybe_worked and isinstance(error, TRANSIENT)
        return isinstance(error, MOVING_ON)


def _is_response(piece: Piece) -> bool:
    """Tells whether a piece shows that the provider works. An open connection alone does not."""
    return piece.has_begun if isinstance(piece, Working) else not isinstance(piece, WholeAnswer)


def _error_to_report(failures: Sequence[RelayError]) -> RelayError:
    """Chooses the error to report, by the first of these rules that applies.

    - The last provider may have worked on the request: its error, because the request may be billed.
    - Some errors are transient: the first of them, with the shortest known wait, because asking later may help.
    - A provider refuses the request itself: that error, because the caller can change the request.
    - Otherwise: the first provider's error, because it was asked for the caller's own model.
    """
    last = failures[-1]
    passing = [error for error in failures if isinstance(error, TRANSIENT)]
    if isinstance(last, ProviderUnavailable | ProviderProtocol) and last.may_have_worked:
        return last
    if not passing:
        return next((error for error in failures if not isinstance(error, MOVING_ON)), failures[0])
    reported = copy.copy(passing[0])
    reported.retry_after_s = min((e.retry_after_s for e in passing if e.retry_after_s is not None), default=None)
    return reported


async def _listed(provider: Provider) -> Models | RelayError:
    try:
        return await list_models(provider, timeout_s=LIST_EACH_S)
    except RelayError as error:
        return error


def _note(models: Models) -> str:
    note = f" ({models.note})" if models.note else ""
    return f"{models.provider}: {', '.join(models.models)}{note}"
