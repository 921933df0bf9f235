"""The fingerprint of a prompt: a digest of everything in it that reaches a provider."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from llm_relay.messages import NO_OPTIONS, Options, Prompt, write_sent_content


def fingerprint(prompt: Prompt) -> bytes:
    """Returns a SHA-256 digest, equal for prompts that ask a provider the same thing, whatever their request_id."""
    if prompt.parts or _has_sent_options(prompt.options) or any(turn.parts for turn in prompt.history):
        digest = hashlib.sha256()
        write_sent_content(prompt, digest.update)
        return digest.digest()
    return hashlib.sha256(_plain(prompt).encode()).digest()


def _has_sent_options(options: Options) -> bool:
    """Tells whether the options contain anything that reaches a provider."""
    if options is NO_OPTIONS:
        return False
    return options != replace(NO_OPTIONS, tags=options.tags, max_cost_nano_usd=options.max_cost_nano_usd)


def _plain(prompt: Prompt) -> str:
    """Returns a text-only prompt as one string, which is faster to digest. No text in it contains NUL."""
    fields = [
        prompt.message,
        "-" if prompt.context is None else f"+{prompt.context}",
        "-" if prompt.model is None else f"+{prompt.model}",
        "" if prompt.temperature is None else repr(float(prompt.temperature)),
        "" if prompt.max_tokens is None else str(prompt.max_tokens),
    ]
    for turn in prompt.history:
        fields += (turn.role.value, turn.text)
    return "\0".join(fields)
