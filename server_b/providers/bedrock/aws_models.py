"""Asks AWS for the models and inference profiles of an account, and for the model in a profile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_relay.errors import ProviderProtocol, RelayError
from server_b.providers.bedrock.client import BedrockClient
from server_b.providers.bedrock.failures.errors import relay_error
from server_b.providers.bedrock.failures.failure import Refusal
from server_b.providers.bedrock.models.model_ids import is_application_profile, list_names, profiled_model

LIST_TIMEOUT_S = 4.0
PROFILE_TIMEOUT_S = 2.0
ASK_AGAIN_S = 300.0
"""How long to wait before asking again for a profile that AWS did not describe, in seconds."""
MAX_PAGES = 20
MAX_REMEMBERED_PROFILES = 1000
NOT_LISTED = "Bedrock did not list its models ({reason}): these are the short names and what they stand for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What AWS lists."""

    ids: tuple[str, ...] = ()
    """Ids of models and profiles."""
    inputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The input that each model accepts, by its id: TEXT, IMAGE and others."""
    note: str = ""
    """Why there are no ids; empty if there are."""


class AwsModels:
    """Asks AWS which models and profiles there are."""

    def __init__(self, client: BedrockClient) -> None:
        self._client = client
        self._models: dict[str, asyncio.Task[str]] = {}

    async def models(self) -> Listing:
        """Returns what AWS lists. If it does not list anything, the note says why."""
        try:
            return await self.listed()
        except RelayError as error:
            return Listing(note=NOT_LISTED.format(reason=error.reason))
        except TimeoutError:
            return Listing(note=NOT_LISTED.format(reason=f"no answer in {LIST_TIMEOUT_S:g} s"))

    async def listed(self) -> Listing:
        """Returns what AWS lists. Raises a RelayError or TimeoutError if AWS does not answer."""
        ends_at = asyncio.get_running_loop().time() + LIST_TIMEOUT_S
        async with asyncio.timeout_at(ends_at):
            models = await self._foundation_models()
        profiles: tuple[str, ...] = ()
        # An account may be allowed to list models but not profiles.
        with contextlib.suppress(RelayError, TimeoutError):
            async with asyncio.timeout_at(ends_at):
                profiles = await self._inference_profiles()
        return Listing(ids=(*models, *profiles), inputs=models)

    async def other_names(self, model: str) -> tuple[str, ...]:
        """Returns the other names that a price list may have for a model; none if they are not known.

        For an application inference profile, AWS is asked once for its model, for at most PROFILE_TIMEOUT_S seconds.
        """
        named = await self._model_in_profile(model) if is_application_profile(model) else model
        return tuple(name for name in list_names(named) if name != model)

    async def _model_in_profile(self, arn: str) -> str:
        asked = self._models.get(arn)
        if asked is None:
            if len(self._models) >= MAX_REMEMBERED_PROFILES:
                del self._models[next(iter(self._models))]
            asked = self._models[arn] = asyncio.create_task(self._find_model(arn))
        # All waiting callers share one request. A caller who leaves does not stop it.
        return await asyncio.shield(asked)

    async def _find_model(self, arn: str) -> str:
        """Asks AWS for a profile's model. Returns an empty text if AWS does not say; it is asked again later."""
        try:
            async with asyncio.timeout(PROFILE_TIMEOUT_S):
                profile = await self._client.get("inference-profiles", arn)
        except (Refusal, RelayError, TimeoutError):
            asyncio.get_running_loop().call_later(ASK_AGAIN_S, self._models.pop, arn, None)
            return ""
        models = profile.get("models")
        arns = [one.get("modelArn") for one in models if isinstance(one, dict)] if isinstance(models, list) else []
        return profiled_model(arn for arn in arns if isinstance(arn, str))

    async def _foundation_models(self) -> dict[str, frozenset[str]]:
        document = await self._get("foundation-models", byOutputModality="TEXT")
        summaries = document.get("modelSummaries")
        if not isinstance(summaries, list):
            raise ProviderProtocol
        by_id = {one["modelId"]: one for one in summaries if isinstance(one, Mapping) and "modelId" in one}
        return {name: _words(by_id[name].get("inputModalities")) for name in _names(summaries, "modelId")}

    async def _inference_profiles(self) -> tuple[str, ...]:
        found: list[str] = []
        query = {"maxResults": "1000"}
        for _ in range(MAX_PAGES):
            document = await self._get("inference-profiles", **query)
            found += _profile_names(document.get("inferenceProfileSummaries"))
            next_token = document.get("nextToken")
            if not isinstance(next_token, str) or not next_token:
                break
            query["nextToken"] = next_token
        return tuple(found)

    async def _get(self, *path: str, **query: str) -> dict[str, Any]:
        try:
            return await self._client.get(*path, **query)
        except Refusal as refusal:
            raise relay_error(refusal.failure) from refusal


def _words(values: object) -> frozenset[str]:
    return frozenset(one for one in values if isinstance(one, str)) if isinstance(values, list) else frozenset()


def _names(summaries: list[Any], key: str) -> list[str]:
    active = [summary for summary in summaries if isinstance(summary, Mapping) and _is_active(summary)]
    return [summary[key] for summary in active if isinstance(summary.get(key), str)]


def _profile_names(summaries: object) -> list[str]:
    """Returns the ids of AWS's profiles, and the ARNs of the account's own profiles, whose ids are random."""
    if not isinstance(summaries, list):
        return []
    own = [one for one in summaries if isinstance(one, Mapping) and one.get("type") == "APPLICATION"]
    others = [one for one in summaries if one not in own]
    return [*_names(others, "inferenceProfileId"), *_names(own, "inferenceProfileArn")]


def _is_active(summary: Mapping[str, Any]) -> bool:
    lifecycle = summary.get("modelLifecycle")
    status = lifecycle.get("status") if isinstance(lifecycle, Mapping) else summary.get("status")
    return status in (None, "ACTIVE")
