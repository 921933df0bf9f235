"""Stores a block's signature or redacted reasoning in `encrypted_content`, which a client sends back unchanged."""

from __future__ import annotations

import base64

from gateway.openai.data_urls import given_bytes
from llm_relay.messages import Reasoning

_SIGNATURE = b"signature"
_REDACTED = b"redacted"


def encrypted_content(block: Reasoning, provider: str) -> str | None:
    """Returns the text, or None if the block has neither."""
    kind, data = (_REDACTED, block.redacted) if block.redacted else (_SIGNATURE, block.signature)
    if not data:
        return None
    return base64.b64encode(b":".join([provider.encode(), kind, data])).decode()


def reasoning_of(text: str, identifier: str, encrypted: str | None, place: str) -> Reasoning:
    """Returns the block of the text. Raises BadParam that names `place`."""
    provider, _, rest = given_bytes(encrypted, place).partition(b":")
    kind, _, data = rest.partition(b":")
    return Reasoning(
        text=text,
        signature=data if kind == _SIGNATURE else b"",
        redacted=data if kind == _REDACTED else b"",
        provider=provider.decode(errors="replace"),
        id=identifier,
    )
