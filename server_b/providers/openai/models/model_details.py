"""Collects what is known about a model: by its name for OpenAI's own, otherwise from the server's list.

https://platform.openai.com/docs/models
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm_relay.messages import Model
from server_b.providers.openai.provider_name import NAME


@dataclass(frozen=True, slots=True)
class _Family:
    """Models with similar names, and what they support."""

    names: re.Pattern[str]
    tools: bool
    images: bool
    json_schema: bool
    reasoning: bool


def _family(names: str, *, tools: bool, images: bool, json_schema: bool, reasoning: bool) -> _Family:
    # A date or `latest` may follow the name. A fine-tuned model supports what its base model supports.
    pattern = re.compile(rf"(?:ft:)?(?:{names})(?:-\d{{4}}-\d{{2}}-\d{{2}}|-\d{{4}}|-latest)?(?::.*)?")
    return _Family(pattern, tools, images, json_schema, reasoning)


_FAMILIES = (
    _family("gpt-5(?:\\.\\d)?-chat", tools=False, images=True, json_schema=True, reasoning=False),
    _family("gpt-5(?:\\.\\d)?(?:-mini|-nano|-pro|-codex)*", tools=True, images=True, json_schema=True, reasoning=True),
    _family("o1-mini|o1-preview", tools=False, images=False, json_schema=False, reasoning=True),
    _family("o3-mini", tools=True, images=False, json_schema=True, reasoning=True),
    _family("o1|o1-pro|o3|o3-pro|o4-mini", tools=True, images=True, json_schema=True, reasoning=True),
    _family("chatgpt-4o", tools=False, images=True, json_schema=False, reasoning=False),
    _family("gpt-4o-2024-05-13", tools=True, images=True, json_schema=False, reasoning=False),
    _family("gpt-4o|gpt-4o-mini|gpt-4\\.1(?:-mini|-nano)?", tools=True, images=True, json_schema=True, reasoning=False),
    _family("gpt-4-turbo", tools=True, images=True, json_schema=False, reasoning=False),
    _family("gpt-4|gpt-3\\.5-turbo", tools=True, images=False, json_schema=False, reasoning=False),
)
"""The first match counts. Models for speech, images and embeddings match none."""

_CONTEXT_TOKENS = ("context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens")


def known_of(name: str, listed: Mapping[str, object], *, is_vendor: bool) -> Model:
    """Returns what is known about a model; `listed` is its entry in the server's list."""
    family = family_of(name) if is_vendor else None
    if family is not None:
        return Model(
            id=name,
            provider=NAME,
            tools=family.tools,
            images=family.images,
            json_schema=family.json_schema,
            reasoning=family.reasoning,
            context_tokens=_context_tokens(listed),
        )
    takes, options = (
        _words(_inner(listed, "architecture").get("input_modalities")),
        _words(listed.get("supported_parameters")),
    )
    can = _inner(listed, "capabilities")
    return Model(
        id=name,
        provider=NAME,
        tools=_first("tools" in options if options else None, can.get("function_calling"), can.get("tools")),
        images=_first("image" in takes if takes else None, can.get("vision")),
        json_schema=_first("structured_outputs" in options if options else None, can.get("json_schema")),
        reasoning=_first("reasoning" in options if options else None, can.get("reasoning")),
        context_tokens=_context_tokens(listed),
    )


def family_of(name: str) -> _Family | None:
    """Returns the family of an OpenAI model by its name; None if it is not known."""
    return next((family for family in _FAMILIES if family.names.fullmatch(name)), None)


def _context_tokens(listed: Mapping[str, object]) -> int | None:
    sizes: Iterator[object] = (listed.get(name) for name in _CONTEXT_TOKENS)
    size = next((one for one in sizes if one is not None), _inner(listed, "meta").get("n_ctx_train"))
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _inner(listed: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = listed.get(name)
    return inner if isinstance(inner, dict) else {}


def _words(values: object) -> frozenset[str]:
    return frozenset(one for one in values if isinstance(one, str)) if isinstance(values, list) else frozenset()


def _first(*values: object) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)
