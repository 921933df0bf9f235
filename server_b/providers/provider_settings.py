"""Reads AI_PROVIDER and MODEL_MAP."""

from __future__ import annotations

from collections.abc import Mapping

PROVIDERS = ("mock", "openai", "bedrock")
_NAMES_FIX = "write mock, openai or bedrock, or several, comma-separated, each once, such as openai,bedrock"
_MAP_FIX = "write provider/model-as-asked=model, comma-separated, such as bedrock/gpt-4o=sonnet-v2"


def provider_names_from_text(text: str) -> tuple[str, ...]:
    """Reads AI_PROVIDER: comma-separated names, in the order of asking. Raises ValueError with the fix."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(name in PROVIDERS for name in names):
        raise ValueError(f"there is no such provider: {_NAMES_FIX}")
    if len(set(names)) < len(names):
        raise ValueError(f"names a provider twice: {_NAMES_FIX}")
    return names


def model_map_from_text(text: str) -> Mapping[tuple[str, str], str]:
    """Reads MODEL_MAP: a provider's model, by provider name and requested model. Raises ValueError with the fix."""
    models: dict[tuple[str, str], str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        # Only the first = and the first / separate: a model's name may contain a slash, and the mock's an equals sign.
        key, _, model = entry.partition("=")
        provider, _, asked = (part.strip() for part in key.partition("/"))
        if provider not in PROVIDERS or not asked or not model.strip():
            raise ValueError(f"is not a map of models: {_MAP_FIX}")
        if (provider, asked) in models:
            raise ValueError(f"maps a provider's model twice: {_MAP_FIX}")
        models[provider, asked] = model.strip()
    return models
