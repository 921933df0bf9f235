"""Checks whether Server B can be reached, accepts the token, has this version, and is healthy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from llm_relay import VERSION
from llm_relay.check.certificate_findings import certificate_finding, pair_finding
from llm_relay.check.findings import Finding, failure, ok
from llm_relay.check.probing import Place, Unreachable, places, probe
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError, ServerBUnavailable, Unauthenticated
from llm_relay.messages import State, Status
from llm_relay.tls import certificate_files
from llm_relay.tls.grpc_client import channel_credentials


async def server_b_findings(dial: Dial) -> AsyncIterator[Finding]:
    """Yields whether Server B can be reached, accepts the token, has this version, and is healthy."""
    files = list(_file_findings(dial))
    for finding in files:
        yield finding
    if all(finding.ok for finding in files):
        reached = [await _place_finding(dial, place) for place in places(dial.target)]
        for finding in reached:
            yield finding
        if not reached or any(finding.ok for finding in reached):
            for finding in await _call_findings(dial):
                yield finding


def _file_findings(dial: Dial) -> Iterator[Finding]:
    if not dial.tls:
        return
    try:
        channel_credentials(dial)
    except ValueError as error:
        yield failure(str(error))
        return
    if dial.ca_file:
        for authority in certificate_files.authorities(dial.ca_file):
            yield certificate_finding("SERVER_B_CA_FILE", dial.ca_file, authority)
    if dial.cert_file:
        yield pair_finding("SERVER_B_CLIENT_CERT_FILE", dial.cert_file, dial.key_file, of_client=True)


async def _place_finding(dial: Dial, place: Place) -> Finding:
    try:
        await probe(dial, place)
    except Unreachable as error:
        return failure(str(error))
    return ok(f"SERVER_B_TARGET: {place} answers, {'over TLS' if dial.tls else 'in plaintext'}")


async def _call_findings(dial: Dial) -> list[Finding]:
    try:
        async with RelayClient(dial) as client:
            status = await client.get_status()
    except Unauthenticated:
        fault = "is not accepted by Server B" if dial.token else "is not set, and Server B requires a token"
        fix = "set it to a token from Server B's RELAY_TOKENS or its ledger (`relay tokens create NAME`)"
        return [failure(f"RELAY_TOKEN: {fault}: {fix}")]
    except ServerBUnavailable:
        return [failure(_unreachable_for_grpc(dial))]
    except RelayError as error:
        return [failure(f"SERVER_B_TARGET: {dial.target} answers {error.reason}: {error.message}")]
    token = "accepted" if dial.token else "not set, and not required"
    return [ok(f"RELAY_TOKEN: {token}"), *_status_findings(status)]


def _unreachable_for_grpc(dial: Dial) -> str:
    text = (
        f"SERVER_B_TARGET: a call to {dial.target} fails: check that it is Server B, and that it is serving."
        " If http_proxy or https_proxy is set, gRPC uses that proxy: add the host to no_proxy"
    )
    if dial.tls and not dial.ca_file:
        return f"{text}. gRPC has its own list of trusted authorities: set SERVER_B_CA_FILE"
    return text


def _status_findings(status: Status) -> Iterator[Finding]:
    if status.version == VERSION:
        yield ok(f"version: {VERSION} at both ends")
    else:
        yield failure(f"version: Server B has {status.version}, this end {VERSION}: install the same at both ends")
    if status.state is State.DEGRADED or status.provider_state is State.DEGRADED:
        error = status.provider_error or "no reason given"
        yield failure(f"provider: {status.provider} fails ({error}): run `relay check server-b` at Server B")
    else:
        yield ok(f"provider: {status.provider}, model {status.default_model}")
