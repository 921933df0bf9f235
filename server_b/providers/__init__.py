"""The providers: each is imported only when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server_b.providers.base import Provider
    from server_b.settings import ServerBSettings

NAMES = ("mock", "openai", "bedrock")
_NAMES_MEND = "write mock, openai or bedrock, or several of them with commas, each once, such as openai,bedrock"
_MAP_MEND = "write provider/model-as-asked=model, comma-separated, such as bedrock/gpt-4o=sonnet-v2"


def provider_names_from_text(text: str) -> tuple[str, ...]:
    """Reads AI_PROVIDER: names with commas, in the order in which they are asked. Raises ValueError with the mend."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(name in NAMES for name in names):
        raise ValueError(f"there is no such provider: {_NAMES_MEND}")
    if len(set(names)) < len(names):
        raise ValueError(f"names a provider twice: {_NAMES_MEND}")
    return names


def model_map_from_text(text: str) -> Mapping[tuple[str, str], str]:
    """Reads MODEL_MAP: a provider's model by its name and the model asked for. Raises ValueError with the mend."""
    models: dict[tuple[str, str], str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        # The first of each: a model's own name may hold a slash, and what the mock is asked an equals sign.
        key, _, model = entry.partition("=")
        provider, _, asked = (part.strip() for part in key.partition("/"))
        if provider not in NAMES or not asked or not model.strip():
            raise ValueError(f"is not a map of models: {_MAP_MEND}")
        if (provider, asked) in models:
            raise ValueError(f"maps a provider's model twice: {_MAP_MEND}")
        models[provider, asked] = model.strip()
    return models


def create_provider(settings: ServerBSettings) -> Provider:
    """Makes the provider that AI_PROVIDER names, or one that falls back along several.

    Raises ValueError with the variable and the mend if one of them cannot be made.
    """
    providers = [_create(name, settings) for name in settings.providers]
    if len(providers) == 1 and not any(name == providers[0].name for name, _ in settings.models):
        return providers[0]
    from server_b.providers.fallback import Fallback

    return Fallback(providers, settings.models)


def _create(name: str, settings: ServerBSettings) -> Provider:
    match name:
        case "openai":
            from server_b.providers.openai.provider import OpenAIProvider

            return OpenAIProvider(
                api_key=settings.openai_api_key.get_secret_value(),
                base_url=settings.openai_base_url,
                default_model=settings.openai_default_model,
                defaults=settings.defaults,
            )
        case "bedrock":
            from server_b.providers.bedrock.provider import BedrockProvider

            return BedrockProvider(
                access_key_id=settings.aws_access_key_id.get_secret_value(),
                secret_access_key=settings.aws_secret_access_key.get_secret_value(),
                session_token=settings.aws_session_token.get_secret_value(),
                profile=settings.aws_profile,
                region=settings.aws_region,
                endpoint_url=settings.aws_endpoint_url_bedrock_runtime,
                default_model=settings.bedrock_default_model,
                defaults=settings.defaults,
            )
        case _:
            from server_b.providers.mock.provider import MockProvider

            return MockProvider(
                delay_s=settings.mock_delay_seconds,
                word_delay_s=settings.mock_word_delay_seconds,
                faults_allowed=settings.mock_faults,
            )
