"""What is asked of a chat completion, and what is left out where a model or a server refuses it."""

from __future__ import annotations

import re

from llm_relay.messages import Prompt
from server_b.providers.base import Defaults
from server_b.providers.openai.errors import BadStatus

LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
"""The names of the limit of output tokens, in the order in which they are tried."""
UNSUPPORTED = frozenset({"unsupported_parameter", "unsupported_value"})
REFUSING_STATUSES = (400, 422)
REASONING_MODEL = re.compile(r"(?:^|[/:])(?:o[1-9]|gpt-(?:[5-9]|\d\d))(?![0-9a-z])")
MAX_REMEMBERED_MODELS = 1000

Refused = frozenset[str]
"""Parameters that a model refuses."""
NOTHING: Refused = frozenset()


class Refusals:
    """What each model is known to refuse; forgets the oldest beyond MAX_REMEMBERED_MODELS."""

    def __init__(self) -> None:
        self._by_model: dict[str, Refused] = {}

    def of(self, model: str) -> Refused:
        """Tells what a model refuses as far as is known, from its name at first."""
        known = self._by_model.get(model)
        if known is not None:
            return known
        return frozenset({"temperature", "max_tokens"}) if REASONING_MODEL.search(model) else NOTHING

    def remember(self, model: str, refused: Refused) -> None:
        """Keeps what has been found."""
        if len(self._by_model) >= MAX_REMEMBERED_MODELS and model not in self._by_model:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = refused


def request_body(
    prompt: Prompt, model: str, defaults: Defaults, refused: Refused, *, stream: bool
) -> dict[str, object]:
    """Makes the body of POST /chat/completions; what is refused is left out, unless the caller asked for it."""
    body: dict[str, object] = {"model": model, "messages": _messages(prompt)}
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    elif "temperature" not in refused:
        body["temperature"] = defaults.temperature
    usable = [name for name in LIMIT_NAMES if name not in refused]
    if usable:
        body[usable[0]] = defaults.max_tokens if prompt.max_tokens is None else prompt.max_tokens
    elif prompt.max_tokens is not None:
        body[LIMIT_NAMES[-1]] = prompt.max_tokens
    if stream:
        body["stream"] = True
        if "stream_options" not in refused:
            body["stream_options"] = {"include_usage": True}
    return body


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    messages = [{"role": turn.role.value, "content": turn.text} for turn in prompt.history]
    if prompt.context and prompt.context.strip():
        messages.insert(0, {"role": "system", "content": prompt.context})
    messages.append({"role": "user", "content": prompt.message})
    return messages


def refused_parameter(error: BadStatus, body: dict[str, object], prompt: Prompt) -> str | None:
    """Names what the provider refuses of a request that can be repeated without it, or None."""
    if error.status not in REFUSING_STATUSES:
        return None
    # Servers that do not know it name it in many ways: as `param`, in the text, in a path.
    if "stream_options" in body and b"stream_options" in error.body:
        return "stream_options"
    code, parameter = error.detail.get("code"), error.detail.get("param")
    if code not in UNSUPPORTED:
        return None
    if parameter == "temperature":
        return "temperature" if prompt.temperature is None else None
    return next((name for name in LIMIT_NAMES if parameter == name), None)
