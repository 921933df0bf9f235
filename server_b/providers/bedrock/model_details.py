"""What is known of a model: from AWS's list, and from its id."""

from __future__ import annotations

from collections.abc import Mapping

from llm_relay.messages import Model
from server_b.providers.bedrock.content_blocks import NAME
from server_b.providers.bedrock.families import ThinkingKind, claude_version, thinking_kind
from server_b.providers.bedrock.models import foundation_id

TOOLS_SINCE = (3, 0)
"""The first Claude that calls tools."""


def known_of(name: str, model: str, inputs: Mapping[str, frozenset[str]]) -> Model | None:
    """Returns what is known of the model that is listed as `name`; None for nothing.

    `model` is the id that the name stands for; `inputs` has what AWS says that each model takes.
    """
    takes = inputs.get(foundation_id(model))
    version = claude_version(model)
    if not takes and version is None:
        return None
    is_claude = version is not None
    return Model(
        id=name,
        provider=NAME,
        tools=version >= TOOLS_SINCE if version is not None else None,
        images="IMAGE" in takes if takes else None,
        reasoning=thinking_kind(model) is not ThinkingKind.NONE if is_claude else None,
    )
