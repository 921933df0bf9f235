"""Server B's settings. Nothing else in this program reads the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from llm_relay.base_urls import base_url_fault
from llm_relay.program.settings.setting_groups import ListeningHost, McpServingSettings, WorkerSettings
from server_b.core.limits import Limits, Patience
from server_b.ledger_settings import LedgerSettings
from server_b.providers.base import Defaults
from server_b.providers.provider_settings import model_map_from_text, provider_names_from_text


class ServerBSettings(LedgerSettings, McpServingSettings, WorkerSettings):
    """Server B."""

    ai_provider: str = Field(
        "mock",
        description="Provider that Server B calls: mock, openai or bedrock. Several, comma-separated, are a fallback"
        " chain: if one fails, the next is called",
    )
    model_map: str = Field(
        "",
        description="Models to use at a provider instead of the requested model, comma-separated, as"
        " provider/requested-model=its-model, such as bedrock/gpt-4o=sonnet-v2",
    )
    ai_temperature: float = Field(
        0.7, ge=0, le=2, allow_inf_nan=False, description="Default temperature, for calls that set none, 0 to 2"
    )
    ai_max_tokens: int = Field(
        1000, ge=1, le=2**31 - 1, description="Default maximum of output tokens, for calls that set none, 1 or more"
    )

    openai_api_key: SecretStr = Field(SecretStr(""), description="API key for AI_PROVIDER=openai")
    openai_base_url: str = Field(
        "",
        description="Base URL of an OpenAI-compatible server, such as http://127.0.0.1:8080/v1; empty: OpenAI's own",
    )
    openai_default_model: str = Field(
        "gpt-4o", min_length=1, description="Default OpenAI model, for calls that name none"
    )
    openai_api: Literal["auto", "chat", "responses"] = Field(
        "auto",
        description="OpenAI API to use: chat (completions), responses, or auto. auto uses responses for models that"
        " work only there and, at OpenAI's own endpoint, for calls that ask for reasoning; otherwise it uses chat",
    )

    provider_fetches_urls: bool = Field(
        False,
        description="true: the server at OPENAI_BASE_URL fetches images by URL; OpenAI's own server always does",
    )

    aws_access_key_id: SecretStr = Field(
        SecretStr(""), description="AWS access key id for AI_PROVIDER=bedrock; empty: the credentials that boto3 finds"
    )
    aws_secret_access_key: SecretStr = Field(
        SecretStr(""), description="AWS secret access key that belongs to AWS_ACCESS_KEY_ID"
    )
    aws_session_token: SecretStr = Field(
        SecretStr(""), description="AWS session token, if AWS_ACCESS_KEY_ID belongs to temporary credentials"
    )
    aws_profile: str = Field("", description="Profile in ~/.aws that has the AWS credentials, instead of a key pair")
    aws_region: str = Field("us-east-1", min_length=1, description="AWS region of Bedrock")
    aws_endpoint_url_bedrock_runtime: str = Field(
        "", description="URL of the Bedrock runtime, such as a VPC endpoint's; empty: the region's"
    )
    bedrock_default_model: str = Field(
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        min_length=1,
        description="Default Bedrock model, for calls that name none, as an id or a short name such as sonnet-v2",
    )

    mock_delay_seconds: float = Field(
        0.1,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long the mock provider waits before it answers, in seconds",
    )
    mock_word_delay_seconds: float = Field(
        0.05,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long the mock provider waits between two words, in seconds",
    )
    mock_faults: bool = Field(
        False,
        description="true: callers may ask the mock provider for faults, such as model mock-model?fault=cut&after=3",
    )

    grpc_host: ListeningHost = Field(
        "127.0.0.1", min_length=1, description="Address that Server B listens on over gRPC; 0.0.0.0: all addresses"
    )
    grpc_port: int = Field(
        50051, ge=0, le=65535, description="Port of Server B over gRPC, 0 to 65535; 0: any free port"
    )
    mcp_port_b: int = Field(
        8002, ge=0, le=65535, description="Port of Server B over MCP (HTTP and SSE), 0 to 65535; 0: any free port"
    )
    tls_cert_file: str = Field("", description="PEM certificate of Server B over gRPC; empty: no TLS")
    tls_key_file: str = Field("", description="PEM key of TLS_CERT_FILE, unencrypted")
    tls_client_ca_file: str = Field(
        "",
        description="PEM file of certificate authorities; clients must present a certificate from one of them"
        " (mutual TLS); empty: not required",
    )

    retry_attempts: int = Field(
        3,
        ge=1,
        le=10,
        description="Maximum number of tries before a call's first token, including the first try, 1 to 10",
    )
    retry_maybe_worked: bool = Field(
        False,
        description="true: retry a request, at the same provider or the next, even if the provider may have"
        " worked on it; both requests may be billed",
    )
    max_concurrent_calls: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Maximum number of calls that run at once; further calls are refused as OVERLOADED",
    )
    first_token_seconds: float = Field(
        60,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="How long a provider may take to send the first token of a stream, in seconds, up to 86400",
    )
    token_gap_seconds: float = Field(
        60,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="How long a stream may be silent between two tokens, in seconds, up to 86400",
    )
    answer_keep_seconds: float = Field(
        300,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="How long an answer is kept for a repeated request_id, in seconds, 0 to 86400; 0: not at all",
    )
    retry_grace_seconds: float = Field(
        10,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description="How long a call continues after its client timed out, so that the client's own retry joins it and"
        " is not billed twice, in seconds, 0 to 300; 0: not at all",
    )

    @field_validator("ai_provider")
    @classmethod
    def _providers_are_known(cls, value: str) -> str:
        return ",".join(provider_names_from_text(value))

    @field_validator("model_map")
    @classmethod
    def _model_map_parses(cls, value: str) -> str:
        model_map_from_text(value)
        return value

    @field_validator("openai_base_url", "aws_endpoint_url_bedrock_runtime")
    @classmethod
    def _is_a_base_url(cls, value: str) -> str:
        if value and (fault := base_url_fault(value)):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS_CERT_FILE and TLS_KEY_FILE: set both or neither")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("TLS_CLIENT_CA_FILE: needs TLS_CERT_FILE and TLS_KEY_FILE too")
        if bool(self.aws_access_key_id.get_secret_value()) != bool(self.aws_secret_access_key.get_secret_value()):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set both or neither")
        return self

    def warnings(self) -> Iterator[str]:
        yield from super().warnings()
        for provider, asked in self.models:
            if provider not in self.providers:
                yield f"MODEL_MAP: {provider}/{asked} is never used, because AI_PROVIDER does not name {provider}"
        for price in self.set_prices:
            provider = price.pattern.partition("/")[0]
            if provider not in self.providers and not set("*?") & set(provider):
                yield f"PRICES: {price.pattern} is never used, because AI_PROVIDER does not name {provider}"

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of the providers, in the order of asking."""
        return provider_names_from_text(self.ai_provider)

    @property
    def models(self) -> Mapping[tuple[str, str], str]:
        """MODEL_MAP: a provider's model, by provider name and requested model."""
        return model_map_from_text(self.model_map)

    @property
    def defaults(self) -> Defaults:
        """Values for prompts that set none."""
        return Defaults(temperature=self.ai_temperature, max_tokens=self.ai_max_tokens)

    @property
    def limits(self) -> Limits:
        """Limits on calls."""
        return Limits(
            timeout_s=self.timeout_seconds,
            concurrent_calls=self.max_concurrent_calls,
            answer_keep_s=self.answer_keep_seconds,
            retry_grace_s=self.retry_grace_seconds,
            patience=Patience(
                attempts=self.retry_attempts,
                first_token_s=self.first_token_seconds,
                token_gap_s=self.token_gap_seconds,
                retry_maybe_worked=self.retry_maybe_worked,
            ),
        )
