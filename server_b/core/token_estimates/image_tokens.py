"""Estimates the tokens of an image by the vendors' published rules."""

from __future__ import annotations

import math

from llm_relay.messages import Image
from server_b.core.token_estimates.image_size import Size, image_size

UNREADABLE = Size(1024, 1024)
"""Size assumed for an image whose size cannot be read, such as one given by URL."""
OPENAI_BASE_TOKENS, OPENAI_TILE_TOKENS, OPENAI_TILE = 85, 170, 512
OPENAI_LONG_EDGE, OPENAI_SHORT_EDGE = 2048, 768
CLAUDE_LONG_EDGE, CLAUDE_PIXELS_A_TOKEN, CLAUDE_MOST_TOKENS = 1568, 750, 1600


def image_tokens(image: Image, provider: str) -> int:
    """Returns an estimate of the tokens that `provider` counts for an image."""
    size = image_size(image.data) or UNREADABLE
    return _claude_tokens(size) if provider == "bedrock" else _openai_tokens(size, image.detail)


def _openai_tokens(size: Size, detail: str) -> int:
    """Counts tiles (https://platform.openai.com/docs/guides/images-vision, "Calculating costs")."""
    if detail == "low":
        return OPENAI_BASE_TOKENS
    scale = min(1.0, OPENAI_LONG_EDGE / max(size), OPENAI_SHORT_EDGE / min(size))
    tiles = math.prod(math.ceil(edge * scale / OPENAI_TILE) for edge in size)
    return OPENAI_BASE_TOKENS + OPENAI_TILE_TOKENS * tiles


def _claude_tokens(size: Size) -> int:
    """Counts pixels (https://docs.anthropic.com/en/docs/build-with-claude/vision, "Calculate image costs")."""
    scale = min(1.0, CLAUDE_LONG_EDGE / max(size))
    return min(CLAUDE_MOST_TOKENS, math.ceil(math.prod(size) * scale**2 / CLAUDE_PIXELS_A_TOKEN))
