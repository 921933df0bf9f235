"""What a translated request is made of, for both of OpenAI's interfaces."""

from __future__ import annotations

from typing import NamedTuple

from gateway.openai.request.field_names import FieldNames
from llm_relay.messages import Prompt


class TranslatedBody(NamedTuple):
    """A body as a prompt, and the facts about its members."""

    prompt: Prompt
    ignored: tuple[str, ...]
    """The members that have no effect with any provider."""
    names: FieldNames
    required: tuple[str, ...] = ()
    """The prompt's options that a provider must not ignore."""
