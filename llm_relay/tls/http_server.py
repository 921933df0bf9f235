"""TLS of the HTTP servers. The certificate is read again when it changes on disk."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from llm_relay.tls.pem import check_pair, read_pem
from llm_relay.tls.validity_log import ValidityLog


class HttpCertificates:
    """The certificate of an HTTP server. Each handshake uses the files on disk at that moment."""

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._files = (cert_file, key_file)
        read_pem("HTTP_TLS_CERT_FILE", cert_file)
        read_pem("HTTP_TLS_KEY_FILE", key_file)
        check_pair("HTTP_TLS_CERT_FILE", cert_file, "HTTP_TLS_KEY_FILE", key_file)
        self._stamps = self._look()
        self._in_use = self._load()
        self._validity = ValidityLog("HTTP_TLS_CERT_FILE", cert_file, key_file)

    def context(self) -> ssl.SSLContext:
        """Returns a context whose handshakes use the current files."""
        self._validity.check()
        context = self._load()
        context.sni_callback = self._follow
        return context

    def _follow(self, handshake: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext) -> None:
        with contextlib.suppress(OSError):  # half renewed: keep the old pair until the new one is complete
            found = self._look()
            if found != self._stamps:
                self._in_use, self._stamps = self._load(), found
                self._validity.read()
        self._validity.check()
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
    """Returns the certificate of an HTTP server, None if neither file is set. Raises ValueError with the fix."""
    if bool(cert_file) != bool(key_file):
        raise ValueError("HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE: set both or neither")
    return HttpCertificates(cert_file, key_file) if cert_file else None
