"""What is asked of a chat completion."""

from __future__ import annotations

from collections.abc import Iterable

from llm_relay.messages import Prompt
from server_b.providers.base import Defaults

LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
"""The names of the limit of output tokens, in the order in which they are tried."""

DEFAULT_LIMIT = "the default limit"
Refused = frozenset[str]
"""What a model does not take: `stream`, `stream_options`, `temperature`, a name of LIMIT_NAMES, or DEFAULT_LIMIT."""


def request_body(prompt: Prompt, model: str, defaults: Defaults, refused: Refused) -> dict[str, object]:
    """Makes the body of POST /chat/completions; what is refused is left out, unless the caller asked for it.

    The answer is always asked for as a stream, so that a server stops as soon as nobody listens any longer.
    """
    body: dict[str, object] = {"model": model, "messages": _messages(prompt)}
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    elif "temperature" not in refused:
        body["temperature"] = defaults.temperature
    limit_name = next((name for name in LIMIT_NAMES if name not in refused), None)
    if prompt.max_tokens is not None:
        body[limit_name or LIMIT_NAMES[-1]] = prompt.max_tokens
    elif limit_name is not None and DEFAULT_LIMIT not in refused:
        body[limit_name] = defaults.max_tokens
    body["stream"] = "stream" not in refused
    if body["stream"] and "stream_options" not in refused:
        body["stream_options"] = {"include_usage": True}
    return body


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    turns = [(turn.role.value, turn.text) for turn in prompt.history]
    turns.append(("user", prompt.message))
    messages = [{"role": role, "content": text} for role, text in _alternating(turns)]
    if prompt.context and prompt.context.strip():
        messages.insert(0, {"role": "system", "content": prompt.context})
    return messages


def _alternating(turns: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Joins neighbours of one role: many models' templates refuse two turns of one role in a row."""
    joined: list[tuple[str, list[str]]] = []
    for role, text in turns:
        if joined and joined[-1][0] == role:
            joined[-1][1].append(text)
        else:
            joined.append((role, [text]))
    return [(role, "\n\n".join(texts)) for role, texts in joined]
