"""Server B's settings: the only reader of the environment in this program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from llm_relay.program.settings import McpServingSettings, WorkerSettings
from server_b.core.relay import Limits
from server_b.core.retry import Patience
from server_b.providers import model_map_from_text, provider_names_from_text
from server_b.providers.base import Defaults


class ServerBSettings(McpServingSettings, WorkerSettings):
    """Everything that can be set for Server B."""

    ai_provider: str = Field(
        "mock", description="mock, openai or bedrock; several with commas, openai,bedrock: the next where one fails"
    )
    model_map: str = Field(
        "",
        description="A provider's model for one that is asked for, comma-separated: bedrock/gpt-4o=sonnet-v2,"
        " provider/asked=its own",
    )
    ai_temperature: float = Field(
        0.7, ge=0, le=2, allow_inf_nan=False, description="Temperature where a call names none, 0 to 2"
    )
    ai_max_tokens: int = Field(
        1000, ge=1, le=2**31 - 1, description="The most output tokens where a call names no number"
    )

    openai_api_key: SecretStr = Field(SecretStr(""), description="Key for AI_PROVIDER=openai")
    openai_base_url: str = Field("", description="Any OpenAI-compatible server, such as http://127.0.0.1:8080/v1")
    openai_default_model: str = Field("gpt-4o", min_length=1, description="Model where a call names none")

    aws_access_key_id: SecretStr = Field(SecretStr(""), description="Key pair for AI_PROVIDER=bedrock")
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="Its secret half")
    aws_session_token: SecretStr = Field(SecretStr(""), description="Of temporary credentials")
    aws_profile: str = Field("", description="A profile of ~/.aws instead of a key pair")
    aws_region: str = Field("us-east-1", min_length=1, description="Region of Bedrock")
    aws_endpoint_url_bedrock_runtime: str = Field("", description="Another endpoint of the Bedrock runtime")
    bedrock_default_model: str = Field(
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        min_length=1,
        description="Model where a call names none; short names such as sonnet-v2 are accepted",
    )

    mock_delay_seconds: float = Field(
        0.1, ge=0, le=3600, allow_inf_nan=False, description="Before the mock's answer, seconds"
    )
    mock_word_delay_seconds: float = Field(
        0.05, ge=0, le=3600, allow_inf_nan=False, description="Between the mock's words, seconds"
    )
    mock_faults: bool = Field(False, description="Let callers ask the mock for faults: mock-model?fault=cut&after=3")

    grpc_host: str = Field("127.0.0.1", min_length=1, description="Address that Server B listens on")
    grpc_port: int = Field(50051, ge=0, le=65535, description="Its port; 0: any free one")
    mcp_port_b: int = Field(8002, ge=0, le=65535, description="Port of Server B's own MCP doors")
    tls_cert_file: str = Field("", description="PEM certificate of the gRPC port; empty: no TLS")
    tls_key_file: str = Field("", description="Its PEM key")
    tls_client_ca_file: str = Field("", description="PEM file of authorities whose certificates clients must present")

    retry_attempts: int = Field(3, ge=1, le=10, description="Tries of the provider before the first delta")
    max_concurrent_calls: int = Field(1000, ge=1, le=1_000_000, description="Calls at once; more are OVERLOADED")
    first_token_seconds: float = Field(
        60, gt=0, le=86_400, allow_inf_nan=False, description="A stream's provider may be silent so long at first"
    )
    token_gap_seconds: float = Field(
        60, gt=0, le=86_400, allow_inf_nan=False, description="And so long between two tokens"
    )
    answer_keep_seconds: float = Field(
        300, ge=0, le=86_400, allow_inf_nan=False, description="How long an answer is kept for a repeated request_id"
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

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS_CERT_FILE and TLS_KEY_FILE: set both or neither")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError("TLS_CLIENT_CA_FILE: needs TLS_CERT_FILE and TLS_KEY_FILE too")
        if bool(self.aws_access_key_id.get_secret_value()) != bool(self.aws_secret_access_key.get_secret_value()):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set both or neither")
        return self

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers, in the order in which they are asked."""
        return provider_names_from_text(self.ai_provider)

    @property
    def models(self) -> Mapping[tuple[str, str], str]:
        """A provider's model, by its name and the model that was asked for."""
        return model_map_from_text(self.model_map)

    @property
    def defaults(self) -> Defaults:
        """What is used where a prompt names nothing."""
        return Defaults(temperature=self.ai_temperature, max_tokens=self.ai_max_tokens)

    @property
    def limits(self) -> Limits:
        """How much and how long."""
        return Limits(
            timeout_s=self.timeout_seconds,
            concurrent_calls=self.max_concurrent_calls,
            answer_keep_s=self.answer_keep_seconds,
            patience=Patience(
                attempts=self.retry_attempts,
                first_token_s=self.first_token_seconds,
                token_gap_s=self.token_gap_seconds,
            ),
        )
