"""The gateway's settings. Only this file reads the environment in this program."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from llm_relay.program.settings.allow_lists import host_list_or_all, listed, listed_origins, origin_list_or_all
from llm_relay.program.settings.setting_groups import (
    DialSettings,
    DrainSettings,
    HttpTlsSettings,
    ListeningHost,
    MetricsSettings,
    StallSettings,
    TokenSettings,
    WorkerSettings,
)
from llm_relay.tls.grpc_client import channel_credentials
from llm_relay.tls.http_server import HttpCertificates, http_certificates

PROGRAM = "gateway"


class GatewaySettings(
    DialSettings, TokenSettings, HttpTlsSettings, StallSettings, DrainSettings, MetricsSettings, WorkerSettings
):
    """The gateway."""

    http_host: ListeningHost = Field(
        "127.0.0.1", min_length=1, description="Address that the gateway listens on; 0.0.0.0: all addresses"
    )
    http_port: int = Field(8000, ge=0, le=65535, description="Port of the gateway, 0 to 65535; 0: any free port")
    cors_origins: Annotated[str, AfterValidator(origin_list_or_all)] = Field(
        "",
        description="Origins of web pages that may call the gateway, comma-separated, such as https://app.example;"
        " *: all pages",
    )

    http_allowed_hosts: Annotated[str, AfterValidator(host_list_or_all)] = Field(
        "",
        description="Host headers that the gateway accepts besides loopback's names and its own address,"
        " comma-separated, as host or host:port; *: all hosts",
    )

    @model_validator(mode="after")
    def _certificates_can_be_used(self) -> Self:
        if self.server_b_tls:
            channel_credentials(self.dial)
        http_certificates(self.http_tls_cert_file, self.http_tls_key_file)
        return self

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of CORS_ORIGINS."""
        return listed_origins(self.cors_origins)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts of HTTP_ALLOWED_HOSTS, and HTTP_HOST."""
        return (self.http_host, *listed(self.http_allowed_hosts))

    @property
    def http_certificates(self) -> HttpCertificates | None:
        """The certificates of `python -m gateway` for HTTPS, as they are on disk now."""
        return http_certificates(self.http_tls_cert_file, self.http_tls_key_file)

    @property
    def serves_tls(self) -> bool:
        """Whether `python -m gateway` serves HTTPS."""
        return bool(self.http_tls_cert_file)
