"""Builds the body of a request for a chat completion."""

from __future__ import annotations

from llm_relay.messages import NO_OPTIONS, Prompt
from server_b.providers.base import Defaults
from server_b.providers.openai.chat.messages import messages_of
from server_b.providers.openai.chat.options import options_members
from server_b.providers.openai.refused_defaults import DEFAULT_LIMIT, LIMIT_NAMES, Refused


def request_body(
    prompt: Prompt, model: str, defaults: Defaults, refused: Refused, *, is_vendor: bool = True
) -> dict[str, object]:
    """Returns the body of POST /chat/completions, without what is `refused`, unless the caller asked for it.

    The answer is always requested as a stream, so that the server stops as soon as the connection is closed.
    `is_vendor` is True for OpenAI's own endpoint, False for other servers with its API.
    """
    body: dict[str, object] = {"model": model, "messages": messages_of(prompt)}
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
    if prompt.options is not NO_OPTIONS:
        body.update(options_members(prompt.options, is_vendor=is_vendor))
    return body


def sent_limit(prompt: Prompt, defaults: Defaults, refused: Refused) -> int | None:
    """Returns the limit of output tokens that `request_body` sets; None: it sets none."""
    if prompt.max_tokens is not None:
        return prompt.max_tokens
    has_name = any(name not in refused for name in LIMIT_NAMES)
    return defaults.max_tokens if has_name and DEFAULT_LIMIT not in refused else None
