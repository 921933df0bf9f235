"""X-Relay-Tags: tags of a call, for clients that cannot change the body that their library sends."""

from __future__ import annotations

import dataclasses

from starlette.types import Scope

from gateway.requests.request_header import header
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import Prompt

TAGS_HEADER = "X-Relay-Tags"
_NAME = TAGS_HEADER.lower().encode()


def with_header_tags(prompt: Prompt, scope: Scope) -> Prompt:
    """Returns the prompt with the header's tags added. Tags in the body take precedence.

    Raises InvalidRequest if the header is not `key=value, key=value`, or a tag is invalid.
    """
    text = header(scope, _NAME)
    if text is None:
        return prompt
    tags = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        key, equals, value = pair.partition("=")
        if not key.strip() or not equals:
            raise InvalidRequest.of(Violation(TAGS_HEADER, "must be key=value pairs separated by commas"))
        tags[key.strip()] = value.strip()
    options = dataclasses.replace(prompt.options, tags={**tags, **prompt.options.tags})
    return dataclasses.replace(prompt, options=options)
