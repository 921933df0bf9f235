"""Settings: read once from the environment, or a .env file, into one frozen object a program.

The groups that several programs share stand here; each program adds its own in its settings.py.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from llm_relay.addresses import is_loopback_host
from llm_relay.client.channel import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TARGET, Dial, check_dial
from llm_relay.tokens import Tokens

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent
EXIT_BAD_SETTINGS = 2


def env_file() -> Path | None:
    """Returns the .env file in force: the working folder's, else the project's, else None."""
    candidates = (Path.cwd() / ".env", PROJECT_FOLDER / ".env")
    return next((path for path in candidates if path.is_file()), None)


class ProgramSettings(BaseSettings):
    """What every program reads. Names that it does not know are ignored: one .env serves all programs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, case_sensitive=False, hide_input_in_errors=True
    )

    relay_insecure: bool = Field(
        False, description="Allow listening beyond loopback without tokens or TLS, and a token in plaintext"
    )
    log_format: str = Field("text", pattern="^(text|json)$", description="Log lines on stderr: text or json")
    max_message_bytes: int = Field(
        DEFAULT_MAX_MESSAGE_BYTES, ge=1024, le=2**30, description="Largest request, in bytes"
    )
    timeout_seconds: float = Field(
        120, gt=0, le=86_400, allow_inf_nan=False, description="Deadline of a call where the caller sets none, seconds"
    )

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Reads the environment and the .env file; `given` values go before both. Raises SettingsError."""
        try:
            return cls(_env_file=env_file(), **given)  # type: ignore[call-arg]
        except ValidationError as error:
            raise SettingsError(_mends(error, cls)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{env_file()}: cannot be read as UTF-8 text ({type(error).__name__})") from error


class SettingsError(Exception):
    """A setting has a value that it may not have; the text names each variable and the mend, a line each."""


class TokenSettings(ProgramSettings):
    """Who may call; for programs that listen."""

    relay_tokens: SecretStr = Field(
        SecretStr(""), description="Accepted callers, name:token,name:token; empty: everybody"
    )
    relay_delegates: str = Field(
        "", description="Names, comma-separated, of callers that may speak for others (the gateway)"
    )

    @field_validator("relay_tokens")
    @classmethod
    def _tokens_parse(cls, value: SecretStr) -> SecretStr:
        Tokens.parse(value.get_secret_value())
        return value

    @property
    def tokens(self) -> Tokens:
        """The accepted tokens."""
        delegates = (name.strip() for name in self.relay_delegates.split(",") if name.strip())
        return Tokens.parse(self.relay_tokens.get_secret_value(), delegates)


class DialSettings(ProgramSettings):
    """How to reach Server B; for Server A and the gateway."""

    server_b_target: str = Field(
        DEFAULT_TARGET,
        min_length=1,
        description="Where Server B listens: host:port, dns:///host:port, unix:/path, ipv4:a:port,b:port",
    )
    server_b_url: str = Field("", description="Gone: SERVER_B_TARGET took its place", exclude=True)
    relay_token: SecretStr = Field(SecretStr(""), description="The bearer token that is presented to Server B")
    server_b_tls: bool = Field(False, description="Dial Server B with TLS")
    server_b_ca_file: str = Field(
        "", description="PEM file of the authorities that are trusted; empty: the public ones that grpcio ships"
    )
    server_b_client_cert_file: str = Field("", description="PEM certificate to present, for mutual TLS")
    server_b_client_key_file: str = Field("", description="Its PEM key")

    @field_validator("server_b_url")
    @classmethod
    def _old_name(cls, value: str) -> str:
        if value:  # the default is validated too
            raise ValueError("is gone: set SERVER_B_TARGET=host:port instead (Server B speaks gRPC now, no URL)")
        return value

    @field_validator("server_b_target")
    @classmethod
    def _no_url(cls, value: str) -> str:
        if value.lower().startswith(("http://", "https://", "grpc://", "grpcs://")):
            raise ValueError("is a gRPC target, not a URL: write host:port, and SERVER_B_TLS=true for TLS")
        return value

    @model_validator(mode="after")
    def _dial_is_safe(self) -> Self:
        check_dial(self.dial)
        return self

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
    """TLS of the HTTP doors: the gateway's and MCP's."""

    http_tls_cert_file: str = Field("", description="PEM certificate of the HTTP doors; empty: no TLS")
    http_tls_key_file: str = Field("", description="Its PEM key")


class StallSettings(ProgramSettings):
    """How patient every listening program is with callers who read slowly."""

    stall_seconds: float = Field(
        30, gt=0, le=3600, allow_inf_nan=False, description="How long a caller may take no data before it is dropped"
    )


class DrainSettings(ProgramSettings):
    """How patient every listening program is with calls that run when it is told to stop."""

    drain_seconds: float = Field(
        30, ge=0, le=3600, allow_inf_nan=False, description="How long running calls may take after SIGTERM"
    )


class WorkerSettings(ProgramSettings):
    """How many processes do the work, for `python -m server_b` over gRPC and `python -m gateway`."""

    workers: int = Field(
        1, ge=1, le=64, description="Processes that share the port, 1 to 64; each keeps calls and limits of its own"
    )

    @field_validator("workers")
    @classmethod
    def _port_can_be_shared(cls, value: int) -> int:
        if value > 1 and not hasattr(socket, "SO_REUSEPORT"):
            raise ValueError("needs SO_REUSEPORT, which this system does not have: set WORKERS=1")
        return value


class McpServingSettings(TokenSettings, HttpTlsSettings, StallSettings, DrainSettings):
    """Where an MCP server listens over SSE and HTTP."""

    mcp_host: str = Field("127.0.0.1", description="Address that the MCP HTTP doors listen on")
    mcp_allowed_hosts: str = Field(
        "", description="Host headers accepted beside loopback's, comma-separated, host or host:port"
    )
    mcp_allowed_origins: str = Field(
        "", description="Origin headers accepted beside loopback's, comma-separated, such as https://app.example"
    )


def check_exposure(host: str, host_name: str, *, tokens: bool, tls: bool, insecure: bool) -> None:
    """Raises SettingsError where a server would listen beyond loopback without tokens or without TLS."""
    missing = [name for name, is_set in (("tokens (RELAY_TOKENS)", tokens), ("TLS", tls)) if not is_set]
    if not missing or insecure or is_loopback_host(host):
        return
    raise SettingsError(
        f"{host_name}: {host} is beyond loopback, which needs {' and '.join(missing)};"
        f" set them, or {host_name}=127.0.0.1, or RELAY_INSECURE=true on a trusted network"
    )


S = TypeVar("S", bound=ProgramSettings)


def read_or_exit(settings_type: type[S], program: str, **given: Any) -> S:
    """Reads the settings, or ends the program with one line for each bad one."""
    try:
        return settings_type.read(**given)
    except SettingsError as error:
        exit_for_bad_settings(program, error)


def exit_for_bad_settings(program: str, error: Exception) -> NoReturn:
    """Ends the program with one line for each bad setting."""
    for line in str(error).splitlines():
        sys.stderr.write(f"{program}: {line}\n")
    sys.exit(EXIT_BAD_SETTINGS)


def _mends(error: ValidationError, settings_type: type[ProgramSettings]) -> str:
    return "\n".join(_mend(dict(detail), settings_type) for detail in error.errors(include_url=False))


def _mend(detail: Mapping[str, Any], settings_type: type[ProgramSettings]) -> str:
    text = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return text
    name = str(detail["loc"][0])
    field = settings_type.model_fields.get(name)
    meaning = f" ({field.description})" if field and field.description and "Value error" not in detail["msg"] else ""
    return f"{name.upper()}: {text}{meaning}"
