"""The providers: each is imported only when it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server_b.providers.base import Provider
    from server_b.settings import ServerBSettings


def create_provider(settings: ServerBSettings) -> Provider:
    """Makes the provider that AI_PROVIDER names; raises ValueError with the variable and the mend if it cannot."""
    match settings.ai_provider:
        case "mock":
            from server_b.providers.mock import MockProvider

            return MockProvider(
                delay_s=settings.mock_delay_seconds,
                word_delay_s=settings.mock_word_delay_seconds,
                faults_allowed=settings.mock_faults,
            )
        case "openai":
            from server_b.providers.openai import OpenAIProvider

            return OpenAIProvider(
                api_key=settings.openai_api_key.get_secret_value(),
                base_url=settings.openai_base_url,
                default_model=settings.openai_default_model,
                defaults=settings.defaults,
            )
        case "bedrock":
            from server_b.providers.bedrock import BedrockProvider

            return BedrockProvider(
                access_key_id=settings.aws_access_key_id.get_secret_value(),
                secret_access_key=settings.aws_secret_access_key.get_secret_value(),
                session_token=settings.aws_session_token.get_secret_value(),
                profile=settings.aws_profile,
                region=settings.aws_region,
                endpoint_url=settings.aws_endpoint_url_bedrock_runtime,
                default_model=settings.bedrock_default_model,
                defaults=settings.defaults,
                concurrency=settings.max_concurrent_calls,
            )
