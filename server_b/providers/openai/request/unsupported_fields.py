"""Faults: fields of a prompt that an interface or a model does not support."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_relay.errors import Unsupported
from llm_relay.messages import Document, Image, Prompt, Role
from server_b.providers.openai.provider_name import NAME

Fault = tuple[str, str]
"""A field, and why it is not supported."""


def refuse_first(faults: Iterable[Fault]) -> None:
    """Raises Unsupported for the first fault, if there is one."""
    for field, fault in faults:
        raise Unsupported.of_field(field, f"not supported by {NAME}: {fault}")


def file_faults(prompt: Prompt) -> Iterator[Fault]:
    """Yields the images and documents in turns that are not the user's. OpenAI has no place for them there."""
    for index, turn in enumerate(prompt.history):
        for number, part in enumerate(turn.parts):
            if turn.role is not Role.USER and isinstance(part, Image | Document):
                kind = "image" if isinstance(part, Image) else "document"
                fault = f"{kind}s are allowed in turns of the user only, not of the {turn.role.value}"
                yield f"history[{index}].parts[{number}].{kind}", fault


def fetch_fault(field: str) -> Fault:
    """Returns the fault of a URL that the server may not fetch."""
    return field, "the server at OPENAI_BASE_URL may not fetch URLs; send the data, or set PROVIDER_FETCHES_URLS=true"
