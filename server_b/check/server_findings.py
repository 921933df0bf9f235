"""`python -m server_b check`: checks Server B's settings, with a line for each finding."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from llm_relay.addresses import near_host, shown_address
from llm_relay.check.certificate_findings import certificate_finding, pair_finding
from llm_relay.check.findings import Finding, failure, ok
from llm_relay.check.listening_findings import exposure_finding, port_finding
from llm_relay.check.report import check as check_settings
from llm_relay.client.channel import SERVICE
from llm_relay.tls import certificate_files
from llm_relay.tls.grpc_server import ServerCertificates
from llm_relay.tls.pem import read_pem
from server_b.check.ledger_findings import has_ledger_token, ledger_finding
from server_b.check.provider_findings import provider_finding
from server_b.settings import ServerBSettings

HEALTH_TIMEOUT_S = 5.0
SETTINGS = ServerBSettings


async def check() -> int:
    """Writes the findings to stdout. Returns the exit code."""
    return await check_settings(SETTINGS, own_findings)


def idle_address(settings: ServerBSettings) -> tuple[str, int] | None:
    """Returns the host and port where Server B will listen; None if the port is in use or cannot be used."""
    found = port_finding(settings.grpc_host, settings.grpc_port, "GRPC_HOST", "GRPC_PORT")
    return (near_host(settings.grpc_host), settings.grpc_port) if found and found.ok else None


async def own_findings(settings: ServerBSettings) -> AsyncIterator[Finding]:
    """Yields what is found about Server B's settings."""
    yield exposure_finding(
        settings.grpc_host,
        "GRPC_HOST",
        settings,
        tls=bool(settings.tls_cert_file),
        has_ledger_token=await has_ledger_token(settings),
    )
    tls = list(_tls_findings(settings))
    for finding in tls:
        yield finding
    if all(finding.ok for finding in tls):
        yield await _port_finding(settings)
    yield await ledger_finding(settings)
    for name in settings.providers:
        yield await provider_finding(name, settings)


def _tls_findings(settings: ServerBSettings) -> Iterator[Finding]:
    if not settings.tls_cert_file:
        return
    try:
        ServerCertificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
    except ValueError as error:
        yield failure(str(error))
        return
    yield pair_finding("TLS_CERT_FILE", settings.tls_cert_file, settings.tls_key_file)
    if settings.tls_client_ca_file:
        for authority in certificate_files.authorities(settings.tls_client_ca_file):
            yield certificate_finding("TLS_CLIENT_CA_FILE", settings.tls_client_ca_file, authority)


async def _port_finding(settings: ServerBSettings) -> Finding:
    found = port_finding(settings.grpc_host, settings.grpc_port, "GRPC_HOST", "GRPC_PORT")
    if found:
        return found
    where = shown_address(settings.grpc_host, settings.grpc_port)
    if await _serves(settings):
        return ok(f"GRPC_PORT: a healthy Server B uses {where}")
    fix = "stop the program that uses it, or set another port"
    how = "over TLS with this TLS_CERT_FILE" if settings.tls_cert_file else "in plaintext"
    return failure(f"GRPC_PORT: {where} is in use, and no healthy Server B answers there {how}: {fix}")


async def _serves(settings: ServerBSettings) -> bool:
    async with _open_channel(settings) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _open_channel(settings: ServerBSettings) -> grpc.aio.Channel:
    target = shown_address(near_host(settings.grpc_host), settings.grpc_port)
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if not settings.tls_cert_file:
        return grpc.aio.insecure_channel(target, options=options)
    # Trusts the certificate of the settings itself, whatever name it is issued for.
    names = certificate_files.certificate(settings.tls_cert_file, settings.tls_key_file).names
    options += [("grpc.ssl_target_name_override", name) for name in names[:1]]
    certificate = read_pem("TLS_CERT_FILE", settings.tls_cert_file)
    key = read_pem("TLS_KEY_FILE", settings.tls_key_file)
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(certificate, key, certificate), options=options)
