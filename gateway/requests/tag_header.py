"""X-Relay-Tags: tags of a call, for clients that cannot change the body that their library sends."""

from __future__ import annotations

import dataclasses

from starlette.types import Scope

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Prompt

TAGS_HEADER = "X-Relay-Tags"
_NAME = TAGS_HEADER.lower().encode()


def with_header_tags(prompt: Prompt, scope: Scope) -> Prompt:
    """Returns the prompt with the header's tags added. Tags in the body take precedence.

    Several headers are one list. Raises InvalidRequest if they are not `key=value, key=value`, or a tag is invalid.
    """
    values = [value for name, value in scope["headers"] if name == _NAME]
    if not values:
        return prompt
    tags = {}
    for pair in filter(None, (one.strip() for one in _decoded(b",".join(values)).split(","))):
        key, equals, value = pair.partition("=")
        if not key.strip() or not equals:
            raise InvalidRequest.of(Violation(TAGS_HEADER, "must be key=value pairs separated by commas"))
        tags[key.strip()] = value.strip()
    options = dataclasses.replace(prompt.options, tags={**tags, **prompt.options.tags})
    try:
        return dataclasses.replace(prompt, options=options)
    except InvalidRequest as error:  # the prompt was valid without these tags
        raise InvalidRequest.of(*(Violation(TAGS_HEADER, fault.description) for fault in error.violations)) from error


def _decoded(value: bytes) -> str:
    """Decodes a header's value: most clients send UTF-8, and some Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
