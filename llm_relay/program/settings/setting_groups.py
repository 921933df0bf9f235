"""Groups of settings that several programs share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from llm_relay.addresses import listening_host
from llm_relay.caller_tokens import Tokens, token_warnings
from llm_relay.client.channel import DEFAULT_TARGET, Dial, check_dial
from llm_relay.program.settings.allow_lists import host_list, host_list_or_all, listed, origin_list
from llm_relay.program.settings.program_settings import ProgramSettings
from llm_relay.targets import target_fault

ListeningHost = Annotated[str, AfterValidator(listening_host)]


class TokenSettings(ProgramSettings):
    """Who may call."""

    relay_tokens: SecretStr = Field(
        SecretStr(""),
        description="Accepted callers, as name:token,name:token; empty: anyone who can reach the port",
    )
    relay_delegates: str = Field(
        "",
        description="Names of callers, comma-separated, that may call on behalf of others, such as the gateway",
    )

    @field_validator("relay_tokens")
    @classmethod
    def _tokens_parse(cls, value: SecretStr) -> SecretStr:
        Tokens.parse(value.get_secret_value())
        return value

    @property
    def tokens(self) -> Tokens:
        """The accepted tokens."""
        return Tokens.parse(self.relay_tokens.get_secret_value(), self._delegates)

    @property
    def _delegates(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.relay_delegates.split(",") if name.strip())

    def warnings(self) -> Iterator[str]:
        yield from super().warnings()
        for text in token_warnings(self.relay_tokens.get_secret_value()):
            yield f"RELAY_TOKENS: {text}"
        names = set(self.tokens.names_by_digest.values())
        for name in self._delegates:
            if name not in names:
                yield f"RELAY_DELEGATES: no caller in RELAY_TOKENS is named {name}"


class DialSettings(ProgramSettings):
    """How to reach Server B."""

    server_b_target: str = Field(
        DEFAULT_TARGET,
        min_length=1,
        description="gRPC target of Server B: host:port, dns:///host:port, unix:/path, or for several"
        " ipv4:address:port,address:port",
    )
    server_b_url: str = Field("", description="Replaced by SERVER_B_TARGET", exclude=True)
    relay_token: SecretStr = Field(
        SecretStr(""), description="Bearer token that the gateway and Server A send to Server B"
    )
    server_b_tls: bool = Field(False, description="true: connect to Server B over TLS")
    server_b_ca_file: str = Field(
        "",
        description="PEM file of the certificate authorities that are trusted to sign Server B's certificate; empty:"
        " the public ones that grpcio ships",
    )
    server_b_client_cert_file: str = Field(
        "", description="PEM certificate that the gateway and Server A present to Server B, for mutual TLS; empty: none"
    )
    server_b_client_key_file: str = Field("", description="PEM key of SERVER_B_CLIENT_CERT_FILE, unencrypted")

    @field_validator("server_b_url")
    @classmethod
    def _old_name(cls, value: str) -> str:
        if value:  # the default is validated too
            raise ValueError(
                "is no longer used: set SERVER_B_TARGET=host:port instead (Server B uses gRPC now and has no URL)"
            )
        return value

    @field_validator("server_b_target")
    @classmethod
    def _target_can_be_dialled(cls, value: str) -> str:
        if fault := target_fault(value):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _dial_is_safe(self) -> Self:
        check_dial(self.dial)
        return self

    def warnings(self) -> Iterator[str]:
        yield from super().warnings()
        for name in ("server_b_ca_file", "server_b_client_cert_file", "server_b_client_key_file"):
            if getattr(self, name) and not self.server_b_tls:
                yield f"{name.upper()}: is not used, because SERVER_B_TLS is not true"

    @property
    def dial(self) -> Dial:
        """How to reach Server B, for RelayClient."""
        return Dial(
            target=self.server_b_target,
            token=self.relay_token.get_secret_value(),
            tls=self.server_b_tls,
            ca_file=self.server_b_ca_file,
            cert_file=self.server_b_client_cert_file,
            key_file=self.server_b_client_key_file,
            insecure=self.relay_insecure,
            max_message_bytes=self.max_message_bytes,
        )


class HttpTlsSettings(ProgramSettings):
    """TLS of the HTTP servers: the gateway, and MCP over HTTP and SSE."""

    http_tls_cert_file: str = Field(
        "", description="PEM certificate of the gateway and of the MCP servers over HTTP; empty: no TLS"
    )
    http_tls_key_file: str = Field("", description="PEM key of HTTP_TLS_CERT_FILE, unencrypted")


class StallSettings(ProgramSettings):
    """Callers that read slowly."""

    stall_seconds: float = Field(
        30,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="How long a caller may read nothing before it is disconnected, in seconds, up to 3600",
    )


class DrainSettings(ProgramSettings):
    """Shutdown."""

    drain_seconds: float = Field(
        30,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long running calls may continue after SIGTERM, in seconds, 0 to 3600",
    )


class MetricsSettings(ProgramSettings):
    """Metrics for Prometheus."""

    metrics_host: ListeningHost = Field(
        "127.0.0.1", min_length=1, description="Address that metrics are served on; 0.0.0.0: all addresses"
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of /metrics for Prometheus, 0 to 65535; 0: any free port; empty: no metrics, but 9464 under"
        " `relay serve`",
    )
    metrics_allowed_hosts: Annotated[str, AfterValidator(host_list_or_all)] = Field(
        "",
        description="Host headers that /metrics accepts on a loopback address besides loopback's names,"
        " comma-separated, as host or host:port, such as host.docker.internal; *: all hosts",
    )

    @property
    def metrics_hosts(self) -> tuple[str, ...]:
        """The hosts of METRICS_ALLOWED_HOSTS."""
        return listed(self.metrics_allowed_hosts)


class WorkerSettings(ProgramSettings):
    """Worker processes of Server B (gRPC) and of the gateway."""

    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Number of worker processes, 1 to 64; they share the port, and each has its own calls and limits",
    )

    @field_validator("workers")
    @classmethod
    def _port_can_be_shared(cls, value: int) -> int:
        if value > 1 and not hasattr(socket, "SO_REUSEPORT"):
            raise ValueError("needs SO_REUSEPORT, which this system does not have: set WORKERS=1")
        return value


class McpServingSettings(TokenSettings, HttpTlsSettings, StallSettings, DrainSettings, MetricsSettings):
    """MCP servers over HTTP and SSE."""

    mcp_host: ListeningHost = Field(
        "127.0.0.1", description="Address that MCP servers listen on over HTTP and SSE; 0.0.0.0: all addresses"
    )
    mcp_allowed_hosts: Annotated[str, AfterValidator(host_list)] = Field(
        "",
        description="Host headers that MCP servers accept besides localhost, 127.0.0.1 and [::1], comma-separated, as"
        " host or host:port",
    )
    mcp_allowed_origins: Annotated[str, AfterValidator(origin_list)] = Field(
        "",
        description="Origin headers that MCP servers accept besides those of localhost, comma-separated, such as"
        " https://app.example",
    )
