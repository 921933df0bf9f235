"""`python -m PROGRAM check`: what is right and what is not, a line each; and what Server A and the gateway ask of B."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from llm_relay import VERSION
from llm_relay.check import certificates
from llm_relay.check.probing import Place, Unreachable, places, probe
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError, ServerBUnavailable, Unauthenticated
from llm_relay.messages import State, Status
from llm_relay.program.settings import (
    HttpTlsSettings,
    ProgramSettings,
    SettingsError,
    TokenSettings,
    check_exposure,
    env_file,
)
from llm_relay.tls.client import channel_credentials
from llm_relay.tls.http import http_certificates

EXIT_FAILED = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check."""

    ok: bool
    text: str
    """Begins with the setting that it is about; of what is not right, ends with the mend."""


S = TypeVar("S", bound=ProgramSettings)


async def check(settings_type: type[S], findings: Callable[[S], AsyncIterator[Finding]]) -> int:
    """Reads the settings, writes every finding to stdout as it comes, and returns the exit code: 0 if all is right."""
    failed = False
    async for finding in _all_findings(settings_type, findings):
        failed = failed or not finding.ok
        sys.stdout.write(f"{'ok' if finding.ok else 'FAILED':<8}{finding.text}\n")
        sys.stdout.flush()
    return EXIT_FAILED if failed else 0


async def _all_findings(
    settings_type: type[S], findings: Callable[[S], AsyncIterator[Finding]]
) -> AsyncIterator[Finding]:
    try:
        settings = settings_type.read()
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Finding(False, line)
        return
    yield Finding(True, f"settings: read from the environment and {env_file() or 'no .env file'}")
    async for finding in findings(settings):
        yield finding


def exposure_finding(host: str, host_name: str, settings: TokenSettings, *, tls: bool) -> Finding:
    """Tells whether a server may listen on `host`, and who may call there."""
    try:
        check_exposure(host, host_name, tokens=bool(settings.tokens), tls=tls, insecure=settings.relay_insecure)
    except SettingsError as error:
        return Finding(False, str(error))
    names = sorted(set(settings.tokens.names_by_digest.values()))
    who = f"{', '.join(names)} may call" if names else "everybody who reaches it may call"
    return Finding(True, f"{host_name}: {host}, {'over TLS' if tls else 'in plaintext'}; {who}")


def http_tls_findings(settings: HttpTlsSettings) -> Iterator[Finding]:
    """Tells how the certificate of the HTTP doors is, where there is one."""
    try:
        found = http_certificates(settings.http_tls_cert_file, settings.http_tls_key_file)
    except ValueError as error:
        yield Finding(False, str(error))
        return
    if found:
        yield pair_finding("HTTP_TLS_CERT_FILE", settings.http_tls_cert_file, settings.http_tls_key_file)


def pair_finding(name: str, cert_file: str, key_file: str, *, of_client: bool = False) -> Finding:
    """Tells for whom and until when a certificate is, and whether it can be used now."""
    try:
        certificate = certificates.certificate(cert_file, key_file, of_client=of_client)
    except OSError:
        whose = "clients" if of_client else "servers"
        return Finding(False, f"{name}: {cert_file} cannot be used with its key: is it one for {whose}?")
    return certificate_finding(name, cert_file, certificate)


def certificate_finding(name: str, path: str, certificate: certificates.Certificate) -> Finding:
    """Tells for whom and until when a certificate is, and whether it can be used now."""
    if fault := certificate.fault(datetime.now(UTC)):
        return Finding(False, f"{name}: {path} {fault}")
    whose = f" for {', '.join(certificate.names)}" if certificate.names else ""
    return Finding(True, f"{name}: {path}{whose}, until {certificate.ends:%Y-%m-%d %H:%M} UTC")


async def server_b_findings(dial: Dial) -> AsyncIterator[Finding]:
    """Tells whether Server B can be reached, takes the token, is of this version, and is well."""
    files = list(_dial_file_findings(dial))
    for finding in files:
        yield finding
    if all(finding.ok for finding in files):
        reached = [await _place_finding(dial, place) for place in places(dial.target)]
        for finding in reached:
            yield finding
        if not reached or any(finding.ok for finding in reached):
            for finding in await _call_findings(dial):
                yield finding


def _dial_file_findings(dial: Dial) -> Iterator[Finding]:
    try:
        places(dial.target)
        if dial.tls:
            channel_credentials(dial)
    except ValueError as error:
        yield Finding(False, str(error))
        return
    if dial.tls and dial.ca_file:
        for authority in certificates.authorities(dial.ca_file):
            yield certificate_finding("SERVER_B_CA_FILE", dial.ca_file, authority)
    if dial.tls and dial.cert_file:
        yield pair_finding("SERVER_B_CLIENT_CERT_FILE", dial.cert_file, dial.key_file, of_client=True)


async def _place_finding(dial: Dial, place: Place) -> Finding:
    try:
        await probe(dial, place)
    except Unreachable as error:
        return Finding(False, str(error))
    return Finding(True, f"SERVER_B_TARGET: {place} answers, {'over TLS' if dial.tls else 'in plaintext'}")


async def _call_findings(dial: Dial) -> list[Finding]:
    try:
        async with RelayClient(dial) as client:
            status = await client.get_status()
    except Unauthenticated:
        named = "is not the right one" if dial.token else "is not set, and Server B asks for one"
        return [Finding(False, f"RELAY_TOKEN: {named}: set it to one of Server B's RELAY_TOKENS")]
    except ServerBUnavailable:
        return [Finding(False, _unreachable_for_grpc(dial))]
    except RelayError as error:
        return [Finding(False, f"SERVER_B_TARGET: {dial.target} answers {error.reason}: {error.message}")]
    token = "accepted" if dial.token else "not set, and not asked for"
    return [Finding(True, f"RELAY_TOKEN: {token}"), *_status_findings(status)]


def _unreachable_for_grpc(dial: Dial) -> str:
    text = (
        f"SERVER_B_TARGET: a call to {dial.target} does not get through: is it Server B, and serving?"
        " If http_proxy or https_proxy is set, gRPC goes that way: name the host in no_proxy"
    )
    if dial.tls and not dial.ca_file:
        return f"{text}. gRPC trusts a list of authorities of its own: set SERVER_B_CA_FILE"
    return text


def _status_findings(status: Status) -> Iterator[Finding]:
    if status.version == VERSION:
        yield Finding(True, f"version: {VERSION} at both ends")
    else:
        yield Finding(False, f"version: Server B is {status.version}, this is {VERSION}: install the same at both ends")
    if status.state is State.DEGRADED or status.provider_state is State.DEGRADED:
        error = status.provider_error or "no reason given"
        yield Finding(False, f"provider: {status.provider} fails ({error}): run `python -m server_b check` at Server B")
    else:
        yield Finding(True, f"provider: {status.provider}, model {status.default_model}")
