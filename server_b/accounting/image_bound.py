"""The most tokens that an image can be, by the vendors' rules for the models that count the most."""

from __future__ import annotations

import math
import re

from llm_relay.messages import Image
from server_b.core.token_estimates.image_size import Size, image_size

OPENAI_LARGEST = Size(768, 2048)
"""Size that OpenAI scales larger images down to."""
TILE = 512
TILE_TOKENS, BASE_TOKENS = 170, 85
MINI_TILE_TOKENS, MINI_BASE_TOKENS = 5667, 2833
"""For gpt-4o-mini. An image costs as much as with gpt-4o, in more tokens at a lower price."""
PATCH, MOST_PATCHES, PATCH_TOKENS = 32, 1536, 2.46
"""For the models that count patches; gpt-4.1-nano counts the most tokens a patch."""
CLAUDE_PIXELS_A_TOKEN, CLAUDE_MOST_TOKENS = 750, 4800
OTHERS_PATCH, OTHERS_MOST_TOKENS = 28, 16_384
"""For models with open weights: Qwen-VL counts the most of those that are widely used."""

_OPENAI_MODEL = re.compile(r"(?:^|[/:])(?:gpt-|chatgpt-|o[1-9])")
_MINI_MODEL = re.compile(r"gpt-4o-mini")


def image_bound(image: Image, provider: str, model: str) -> int:
    """Returns the most input tokens that an image can be. If its size cannot be read, the vendor's largest is taken."""
    size = image_size(image.data) if image.data else None
    if provider == "bedrock":
        return CLAUDE_MOST_TOKENS if size is None else _claude_tokens(size)
    tokens = _openai_tokens(size or OPENAI_LARGEST, model)
    return tokens if _OPENAI_MODEL.search(model) else max(tokens, _others_tokens(size))


def _openai_tokens(size: Size, model: str) -> int:
    scale = min(1.0, max(OPENAI_LARGEST) / max(size), min(OPENAI_LARGEST) / min(size))
    tiles = math.prod(math.ceil(edge * scale / TILE) for edge in size)
    if _MINI_MODEL.search(model):
        return MINI_BASE_TOKENS + MINI_TILE_TOKENS * tiles
    patches = min(MOST_PATCHES, math.prod(math.ceil(edge / PATCH) for edge in size))
    return max(BASE_TOKENS + TILE_TOKENS * tiles, math.ceil(patches * PATCH_TOKENS))


def _claude_tokens(size: Size) -> int:
    return min(CLAUDE_MOST_TOKENS, math.ceil(math.prod(size) / CLAUDE_PIXELS_A_TOKEN) + 1)


def _others_tokens(size: Size | None) -> int:
    if size is None:
        return OTHERS_MOST_TOKENS
    return min(OTHERS_MOST_TOKENS, math.prod(math.ceil(edge / OTHERS_PATCH) for edge in size) + 2)
