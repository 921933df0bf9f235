"""TLS of clients of Server B: what a channel trusts and presents."""

from __future__ import annotations

from typing import Protocol

import grpc

from llm_relay.tls.pem import check_authorities, check_pair, read_pem


class ClientFiles(Protocol):
    """The PEM files of a client. Empty names are not used."""

    @property
    def ca_file(self) -> str: ...
    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...


def channel_credentials(files: ClientFiles) -> grpc.ChannelCredentials:
    """Returns the credentials of a client. Raises ValueError, which names the bad setting."""
    if bool(files.cert_file) != bool(files.key_file):
        raise ValueError("SERVER_B_CLIENT_CERT_FILE and SERVER_B_CLIENT_KEY_FILE: set both or neither")
    credentials = _channel_credentials(files)
    if files.ca_file:
        check_authorities("SERVER_B_CA_FILE", files.ca_file)
    if files.cert_file:
        check_pair("SERVER_B_CLIENT_CERT_FILE", files.cert_file, "SERVER_B_CLIENT_KEY_FILE", files.key_file)
    return credentials


def _channel_credentials(files: ClientFiles) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=read_pem("SERVER_B_CA_FILE", files.ca_file) if files.ca_file else None,
        private_key=read_pem("SERVER_B_CLIENT_KEY_FILE", files.key_file) if files.key_file else None,
        certificate_chain=read_pem("SERVER_B_CLIENT_CERT_FILE", files.cert_file) if files.cert_file else None,
    )
