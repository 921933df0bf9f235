"""The gateway's settings: the only reader of the environment in this program."""

from __future__ import annotations

import ssl
from typing import Self

from pydantic import Field, model_validator

from transport.credentials import channel_credentials, read_pem
from transport.settings import DialSettings, HttpTlsSettings, TokenSettings

PROGRAM = "gateway"


class GatewaySettings(DialSettings, TokenSettings, HttpTlsSettings):
    """Everything that can be set for the gateway."""

    http_host: str = Field("127.0.0.1", min_length=1, description="Address that the gateway listens on")
    http_port: int = Field(8000, ge=0, le=65535, description="Its port; 0: any free one")
    cors_origins: str = Field(
        "",
        description="Browsers' origins that may call the gateway, comma-separated, such as https://app.example; or *",
    )
    drain_seconds: float = Field(
        30, ge=0, le=3600, allow_inf_nan=False, description="How long running calls may take after SIGTERM"
    )

    @model_validator(mode="after")
    def _certificates_can_be_used(self) -> Self:
        if self.server_b_tls:
            channel_credentials(self.dial)
        if bool(self.http_tls_cert_file) != bool(self.http_tls_key_file):
            raise ValueError("HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE: set both or neither")
        if self.http_tls_cert_file:
            _check_pair(self.http_tls_cert_file, self.http_tls_key_file)
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of CORS_ORIGINS."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())

    @property
    def serves_tls(self) -> bool:
        """Whether `python -m gateway` speaks HTTPS."""
        return bool(self.http_tls_cert_file)


def _check_pair(cert_file: str, key_file: str) -> None:
    read_pem("HTTP_TLS_CERT_FILE", cert_file)
    read_pem("HTTP_TLS_KEY_FILE", key_file)
    try:
        # Without a password given, OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password=lambda: "")
    except ssl.SSLError as error:
        raise ValueError(
            "HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE: must be a PEM certificate and its own key, unencrypted"
            f" ({error.reason or 'refused by OpenSSL'})"
        ) from error
