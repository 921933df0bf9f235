"""Finds the options that a model accepts by its id: for Claude, by the version.

https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html
"""

from __future__ import annotations

import enum
import re

Version = tuple[int, int]


class ThinkingKind(enum.Enum):
    """How a model is asked to think."""

    NONE = "none"
    BUDGET = "budget"
    """By a number of tokens."""
    BUDGET_OR_EFFORT = "budget or effort"
    EFFORT = "effort"
    """By a level; the model itself decides how many tokens to use."""


_CLAUDE = re.compile(r"anthropic\.claude-(?P<rest>[a-z0-9-]+)")
_NUMBER = re.compile(r"(?<![a-z0-9])\d{1,2}(?![a-z0-9])")
_FIRST_ONES = ("v1", "v2", "instant")
_NEWEST: Version = (99, 0)
_KINDS: tuple[tuple[Version, ThinkingKind], ...] = (
    ((4, 7), ThinkingKind.EFFORT),
    ((4, 6), ThinkingKind.BUDGET_OR_EFFORT),
    ((3, 7), ThinkingKind.BUDGET),
)
"""The first version of each kind, the newest first."""


def claude_version(model: str) -> Version | None:
    """Returns the version of Claude, such as (3, 7), from a model's id, profile id or ARN; None for other models.

    A name without a number is assumed to be a new model's.
    """
    found = _CLAUDE.search(model)
    if found is None:
        return None
    if found["rest"].startswith(_FIRST_ONES):
        return (2, 0)
    numbers = [int(number) for number in _NUMBER.findall(found["rest"])]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0) if numbers else _NEWEST


def thinking_kind(model: str) -> ThinkingKind:
    """Returns how a model is asked to think; NONE if that is not known."""
    version = claude_version(model)
    if version is None:
        return ThinkingKind.NONE
    return next((kind for since, kind in _KINDS if version >= since), ThinkingKind.NONE)
