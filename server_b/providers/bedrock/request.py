"""A prompt as the body of a Converse request.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from llm_relay.messages import Prompt, Role, Turn
from server_b.providers.base import Defaults
from server_b.providers.bedrock.refusals import MAX_TOKENS, TEMPERATURE, Refused


def request_body(prompt: Prompt, defaults: Defaults, refused: Refused) -> dict[str, Any]:
    """Makes the body of Converse and ConverseStream; our own defaults are left out where they are refused."""
    body: dict[str, Any] = {"messages": _messages((*prompt.history, Turn(role=Role.USER, text=prompt.message)))}
    if prompt.context and prompt.context.strip():
        body["system"] = [{"text": prompt.context}]
    if parameters := _parameters(prompt, defaults, refused):
        body["inferenceConfig"] = parameters
    return body


def _parameters(prompt: Prompt, defaults: Defaults, refused: Refused) -> dict[str, float]:
    ours = {TEMPERATURE: defaults.temperature, MAX_TOKENS: defaults.max_tokens}
    kept = {name: value for name, value in ours.items() if name not in refused}
    return kept | asked_parameters(prompt)


def asked_parameters(prompt: Prompt) -> dict[str, float]:
    """Returns the inference parameters that the caller itself asks for, by Bedrock's names."""
    asked = {TEMPERATURE: prompt.temperature, MAX_TOKENS: prompt.max_tokens}
    return {name: value for name, value in asked.items() if value is not None}


def _messages(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Makes one message of neighbouring turns of one role, because Bedrock wants the roles to alternate."""
    spoken = groupby(turns, key=lambda turn: turn.role)
    return [{"role": role.value, "content": [_content(turn) for turn in said]} for role, said in spoken]


def _content(turn: Turn) -> dict[str, Any]:
    return {"text": turn.text}
