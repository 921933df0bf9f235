"""Checks certificates: whether they can be used now, which names they cover, and when they expire."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from llm_relay.check.findings import Finding, failure, ok
from llm_relay.program.settings.setting_groups import HttpTlsSettings
from llm_relay.tls import certificate_files
from llm_relay.tls.certificate_files import Certificate
from llm_relay.tls.http_server import http_certificates
from llm_relay.tls.pem import shown_path


def http_tls_findings(settings: HttpTlsSettings) -> Iterator[Finding]:
    """Yields whether the certificate of an HTTP server can be used, or nothing if there is none."""
    try:
        found = http_certificates(settings.http_tls_cert_file, settings.http_tls_key_file)
    except ValueError as error:
        yield failure(str(error))
        return
    if found:
        yield pair_finding("HTTP_TLS_CERT_FILE", settings.http_tls_cert_file, settings.http_tls_key_file)


def pair_finding(name: str, cert_file: str, key_file: str, *, of_client: bool = False) -> Finding:
    """Returns which names a certificate covers, when it expires, and whether it can be used now."""
    try:
        certificate = certificate_files.certificate(cert_file, key_file, of_client=of_client)
    except OSError:
        whose = "clients" if of_client else "servers"
        return failure(f"{name}: {shown_path(cert_file)} cannot be used with its key: use a certificate for {whose}")
    return certificate_finding(name, cert_file, certificate)


def certificate_finding(name: str, path: str, certificate: Certificate) -> Finding:
    """Returns which names a certificate covers, when it expires, and whether it can be used now."""
    if fault := certificate.fault(datetime.now(UTC)):
        return failure(f"{name}: {shown_path(path)} {fault}")
    whose = f" for {', '.join(certificate.names)}" if certificate.names else ""
    return ok(f"{name}: {shown_path(path)}{whose}, until {certificate.ends:%Y-%m-%d %H:%M} UTC")
