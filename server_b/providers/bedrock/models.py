"""Short names of Bedrock's models."""

from __future__ import annotations

from collections.abc import Mapping

SHORT_NAMES: Mapping[str, str] = {
    "opus": "anthropic.claude-3-opus-20240229-v1:0",
    "opus-4": "{area}.anthropic.claude-opus-4-20250514-v1:0",
    "opus-4.1": "{area}.anthropic.claude-opus-4-1-20250805-v1:0",
    "opus-4.5": "global.anthropic.claude-opus-4-5-20251101-v1:0",
    "opus-5.5": "global.anthropic.claude-opus-5-5",
    "sonnet": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "sonnet-v2": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "sonnet-3.7": "{area}.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "sonnet-4": "{area}.anthropic.claude-sonnet-4-20250514-v1:0",
    "sonnet-4.5": "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "sonnet-5.5": "global.anthropic.claude-sonnet-5-5",
    "haiku": "anthropic.claude-3-haiku-20240307-v1:0",
    "haiku-3.5": "{area}.anthropic.claude-3-5-haiku-20241022-v1:0",
    "haiku-4.5": "global.anthropic.claude-haiku-4-5-20251001-v1:0",
    "haiku-5.5": "global.anthropic.claude-haiku-5-5",
    "nova-micro": "amazon.nova-micro-v1:0",
    "nova-lite": "amazon.nova-lite-v1:0",
    "nova-pro": "amazon.nova-pro-v1:0",
    "nova-premier": "{area}.amazon.nova-premier-v1:0",
    "llama": "{area}.meta.llama3-3-70b-instruct-v1:0",
    "llama-8b": "meta.llama3-8b-instruct-v1:0",
    "llama-70b": "meta.llama3-70b-instruct-v1:0",
    "llama-scout": "{area}.meta.llama4-scout-17b-instruct-v1:0",
    "llama-maverick": "{area}.meta.llama4-maverick-17b-instruct-v1:0",
    "mistral": "mistral.mistral-large-2402-v1:0",
    "mistral-7b": "mistral.mistral-7b-instruct-v0:2",
    "mistral-small": "mistral.mistral-small-2402-v1:0",
    "mixtral": "mistral.mixtral-8x7b-instruct-v0:1",
    "deepseek-r1": "{area}.deepseek.r1-v1:0",
    # As the HTTP version named them.
    "claude-3.5-sonnet-v2": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3.5-sonnet": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "claude-3.5-haiku": "{area}.anthropic.claude-3-5-haiku-20241022-v1:0",
    "claude-3-sonnet": "anthropic.claude-3-sonnet-20240229-v1:0",
    "claude-3-haiku": "anthropic.claude-3-haiku-20240307-v1:0",
    "claude-3-opus": "anthropic.claude-3-opus-20240229-v1:0",
}
"""`{area}` stands where a model is served through an inference profile of the region's area only.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
"""

AREAS: Mapping[str, str] = {"us": "us", "eu": "eu", "ap": "apac"}
"""By a region's first part; `us` for the rest."""


def resolve(model: str, region: str) -> str:
    """Returns the id that a short name stands for in this region; an id or an ARN stands for itself."""
    area = AREAS.get(region.partition("-")[0], "us")
    return SHORT_NAMES[model].format(area=area) if model in SHORT_NAMES else model


def listed(region: str, found: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns the short names, their ids in this region, and the ids that were found besides, each once."""
    ids = (resolve(name, region) for name in SHORT_NAMES)
    return tuple(dict.fromkeys((*SHORT_NAMES, *ids, *found)))
