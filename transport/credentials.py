"""TLS for both ends, read from PEM files; a server's pair is read again when it changes on disk."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Protocol

import grpc


class ClientFiles(Protocol):
    """The PEM files of a dialling end; empty names are not used."""

    @property
    def ca_file(self) -> str: ...
    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...


def read_pem(name: str, path: str) -> bytes:
    """Reads a PEM file; raises ValueError naming the setting `name` if it cannot be read or holds no PEM."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{name}: cannot read {path} ({error.strerror})") from error
    if b"-----BEGIN " not in data:
        raise ValueError(f"{name}: {path} holds no PEM block (-----BEGIN …)")
    return data


def check_pair(cert_name: str, cert_file: str, key_name: str, key_file: str) -> None:
    """Raises ValueError naming both settings unless the files are a certificate and its own key, unencrypted."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password="")
    except OSError as error:  # ssl.SSLError too
        raise ValueError(f"{cert_name} and {key_name}: are not a certificate and its own key, unencrypted") from error


def check_authorities(name: str, path: str) -> None:
    """Raises ValueError naming the setting unless the file holds certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"{name}: {path} holds no certificate that can be read") from error


def channel_credentials(files: ClientFiles) -> grpc.ChannelCredentials:
    """Makes the credentials of a dialling end; raises ValueError naming the bad setting."""
    credentials = _channel_credentials(files)
    if files.ca_file:
        check_authorities("SERVER_B_CA_FILE", files.ca_file)
    if files.cert_file or files.key_file:
        check_pair("SERVER_B_CLIENT_CERT_FILE", files.cert_file, "SERVER_B_CLIENT_KEY_FILE", files.key_file)
    return credentials


def _channel_credentials(files: ClientFiles) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=read_pem("SERVER_B_CA_FILE", files.ca_file) if files.ca_file else None,
        private_key=read_pem("SERVER_B_CLIENT_KEY_FILE", files.key_file) if files.key_file else None,
        certificate_chain=read_pem("SERVER_B_CLIENT_CERT_FILE", files.cert_file) if files.cert_file else None,
    )


class ServerCertificates:
    """Server B's certificates; with a client CA, clients must present a certificate of it (mutual TLS)."""

    def __init__(self, cert_file: str, key_file: str, client_ca_file: str = "") -> None:
        self._names = {"TLS_CERT_FILE": cert_file, "TLS_KEY_FILE": key_file}
        if client_ca_file:
            self._names["TLS_CLIENT_CA_FILE"] = client_ca_file
        self._loaded = self._read()
        self._check()

    def credentials(self) -> grpc.ServerCredentials:
        """Makes credentials that follow the files: each handshake uses what lies on disk then."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._fetch,  # type: ignore[arg-type]  # the stub forgets None: unchanged
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
                return None
            self._check()
        except ValueError:  # half-renewed: the pair in use goes on until the new one is whole
            return None
        self._loaded = found
        return self._configuration()


class HttpCertificates:
    """The certificate of the HTTP doors; each handshake uses what lies on disk then."""

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._files = (cert_file, key_file)
        read_pem("HTTP_TLS_CERT_FILE", cert_file)
        read_pem("HTTP_TLS_KEY_FILE", key_file)
        check_pair("HTTP_TLS_CERT_FILE", cert_file, "HTTP_TLS_KEY_FILE", key_file)
        self._stamps = self._look()
        self._in_use = self._load()

    def context(self) -> ssl.SSLContext:
        """Makes a context whose handshakes follow the files."""
        context = self._load()
        context.sni_callback = self._follow
        return context

    def _follow(self, handshake: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext) -> None:
        with contextlib.suppress(OSError):  # half-renewed: the pair in use goes on until the new one is whole
            found = self._look()
            if found != self._stamps:
                self._in_use, self._stamps = self._load(), found
        handshake.context = self._in_use

    def _look(self) -> list[tuple[int, int, int]]:
        return [
            (found.st_mtime_ns, found.st_size, found.st_ino) for found in (Path(path).stat() for path in self._files)
        ]

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._files, password="")
        return context


def http_certificates(cert_file: str, key_file: str) -> HttpCertificates | None:
    """Makes the certificates of the HTTP doors, None where neither file is set; raises ValueError with the mend."""
    if bool(cert_file) != bool(key_file):
        raise ValueError("HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE: set both or neither")
    return HttpCertificates(cert_file, key_file) if cert_file else None
