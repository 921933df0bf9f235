"""Collects what is known about a model from AWS's list and from its id."""

from __future__ import annotations

from collections.abc import Mapping

from llm_relay.messages import Model
from server_b.providers.bedrock.models.abilities import accepts_images, calls_tools
from server_b.providers.bedrock.models.families import ThinkingKind, claude_version, thinking_kind
from server_b.providers.bedrock.models.model_ids import foundation_id
from server_b.providers.bedrock.provider_name import NAME


def known_of(name: str, model: str, inputs: Mapping[str, frozenset[str]]) -> Model:
    """Returns what is known about the model that is listed as `name`.

    `model` is the id that the name stands for; `inputs` has the inputs of each model in AWS's list.
    """
    takes = inputs.get(foundation_id(model))
    return Model(
        id=name,
        provider=NAME,
        tools=calls_tools(model),
        images="IMAGE" in takes if takes else accepts_images(model),
        reasoning=thinking_kind(model) is not ThinkingKind.NONE if claude_version(model) is not None else None,
    )
