"""TLS of Server B. The certificate is read again when it changes on disk."""

from __future__ import annotations

import grpc

from llm_relay.tls.pem import check_authorities, check_pair, read_pem
from llm_relay.tls.validity_log import ValidityLog


class ServerCertificates:
    """Server B's certificates. With a client CA, clients must present a certificate from it (mutual TLS)."""

    def __init__(self, cert_file: str, key_file: str, client_ca_file: str = "") -> None:
        self._names = {"TLS_CERT_FILE": cert_file, "TLS_KEY_FILE": key_file}
        if client_ca_file:
            self._names["TLS_CLIENT_CA_FILE"] = client_ca_file
        self._loaded = self._read()
        self._check()
        self._validity = ValidityLog("TLS_CERT_FILE", cert_file, key_file)

    def credentials(self) -> grpc.ServerCredentials:
        """Returns credentials with which each handshake uses the files on disk at that moment."""
        self._validity.check()
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._fetch,  # type: ignore[arg-type]  # the stub lacks None, which means unchanged
            require_client_authentication="TLS_CLIENT_CA_FILE" in self._names,
        )

    def _read(self) -> dict[str, bytes]:
        return {name: read_pem(name, path) for name, path in self._names.items()}

    def _check(self) -> None:
        check_pair("TLS_CERT_FILE", self._names["TLS_CERT_FILE"], "TLS_KEY_FILE", self._names["TLS_KEY_FILE"])
        if client_ca_file := self._names.get("TLS_CLIENT_CA_FILE"):
            check_authorities("TLS_CLIENT_CA_FILE", client_ca_file)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self._loaded["TLS_KEY_FILE"], self._loaded["TLS_CERT_FILE"])
        return grpc.ssl_server_certificate_configuration(
            [pair], root_certificates=self._loaded.get("TLS_CLIENT_CA_FILE")
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            found = self._read()
            if found == self._loaded:
                self._validity.check()
                return None
            self._check()
        except ValueError:  # half renewed: keep the old pair until the new one is complete
            return None
        self._loaded = found
        self._validity.read()
        self._validity.check()
        return self._configuration()
