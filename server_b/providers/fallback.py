"""A provider made of providers: where one fails before it has begun to answer, the next is asked.

Which errors another provider can mend, and which error is told where all have failed, is decided here.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from llm_relay.messages import Models, Prompt
from server_b.providers.base import Opening, Piece, Provider, WholeAnswer, Working

PASSING = (ProviderRateLimited, ProviderUnavailable)
"""Errors that waiting can mend."""
MENDABLE = (*PASSING, ProviderAuth, UnknownModel)
"""Errors that another provider can mend, so that it is asked; a request that one refuses, the next need not see."""
Note = Callable[[str, RelayError], None]
"""Hears which provider has failed, and how, as soon as it has."""
ModelMap = Mapping[tuple[str, str], str]
"""A provider's model by the provider's name and the model that was asked for."""


def _unheard(_provider: str, _error: RelayError) -> None:
    pass


class Fallback:
    """Asks its providers in their order, until one begins to answer; then the answer is that one's, come what may."""

    def __init__(self, providers: Sequence[Provider], models: ModelMap, note: Note = _unheard) -> None:
        """`providers`, one or more, are closed with this one; `models` as in MODEL_MAP."""
        self._providers = tuple(providers)
        self._models = models
        self._note = note

    @property
    def name(self) -> str:
        """The providers' names with commas, as in AI_PROVIDER."""
        return ",".join(provider.name for provider in self._providers)

    @property
    def default_model(self) -> str:
        """The first provider's."""
        return self._providers[0].default_model

    @property
    def endpoint(self) -> str:
        """Empty: each provider has its own."""
        return ""

    def noting(self, note: Note) -> Fallback:
        """Returns the same provider for one call, whose failures `note` hears."""
        return Fallback(self._providers, self._models, note)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        failures: list[RelayError] = []
        for provider in self._providers:
            begun = False
            try:
                async with contextlib.aclosing(provider.stream(self._prompt(provider, prompt), whole=whole)) as pieces:
                    async for piece in pieces:
                        begun = begun or not isinstance(piece, Working | WholeAnswer)
                        yield replace(piece, provider=provider.name) if isinstance(piece, Opening) else piece
                if begun:
                    return
                raise ProviderProtocol("the provider's stream ended before it began")
            except RelayError as error:
                if begun:
                    raise
                self._add(failures, provider, error)
                if not isinstance(error, MENDABLE):
                    break
        raise _told(failures)

    async def list_models(self) -> Models:
        """Lists the models of all providers, with a note of which has which; raises if none lists any."""
        found: dict[str, Models] = {}
        failures: dict[str, RelayError] = {}
        for provider in self._providers:
            try:
                found[provider.name] = await provider.list_models()
            except RelayError as error:
                failures[provider.name] = error
        if not found:
            raise _told(list(failures.values()))
        notes = [_listed(models) for models in found.values()]
        notes += [f"{name}: not listed ({error.reason})" for name, error in failures.items()]
        return Models(
            provider=self.name,
            models=tuple(sorted({self.default_model, *(name for models in found.values() for name in models.models)})),
            default_model=self.default_model,
            note="; ".join(notes) if len(self._providers) > 1 else found[self.name].note,
        )

    async def close(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for provider in self._providers:
                stack.push_async_callback(provider.close)

    def _prompt(self, provider: Provider, prompt: Prompt) -> Prompt:
        """Names the provider's own model: the mapped one, else for the first as asked, for the others their default."""
        named = prompt.model if prompt.model and prompt.model.strip() else None
        model = self._models.get((provider.name, named or self.default_model))
        if model is None:
            model = named if provider is self._providers[0] else None
        return prompt if model == named else replace(prompt, model=model)

    def _add(self, failures: list[RelayError], provider: Provider, error: RelayError) -> None:
        failures.append(error)
        self._note(provider.name, error)


def _told(failures: Sequence[RelayError]) -> RelayError:
    """Chooses the error that is told: the first that waiting can mend, with the shortest wait that is known.

    For while one provider may soon be there again, asking later helps, whatever is wrong with the others. Else that
    of a provider which took the request up, such as ProviderRejected, since there the caller can change something.
    Else the first provider's: that one was asked for the caller's own model.
    """
    passing = [error for error in failures if isinstance(error, PASSING)]
    if not passing:
        return next((error for error in failures if not isinstance(error, MENDABLE)), failures[0])
    told = passing[0]
    told.retry_after_s = min((e.retry_after_s for e in passing if e.retry_after_s is not None), default=None)
    return told


def _listed(models: Models) -> str:
    note = f" ({models.note})" if models.note else ""
    return f"{models.provider}: {', '.join(models.models)}{note}"
