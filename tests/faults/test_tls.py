"""Mismatched TLS at every door: each call fails within seconds, and the check names the fault."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llm_relay.check.server_b_findings import server_b_findings
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Prompt
from llm_relay.tls.authority import Authority, Pair
from llm_relay.tls.grpc_server import ServerCertificates
from tests.faults.conftest import FULL, RecordFault
from tests.support.gateways import gateway, gateway_settings
from tests.support.mcp_stdio import StdioServer, stdio_server
from tests.support.serving import late_events, serving

pytestmark = pytest.mark.anyio

SECONDS = 10.0 if FULL else 60.0
"""How soon a door must report the failure."""
CHECK = "`relay check`"
"""The text with which every door refers to the check."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The TLS settings of both ends."""

    name: str
    certificates: ServerCertificates | None
    settings: dict[str, Any]
    """Settings of the dialling end."""
    told: str
    """What the check reports."""


def served(pair: Pair, client_ca_file: str = "") -> ServerCertificates:
    return ServerCertificates(pair.cert_file, pair.key_file, client_ca_file)


def trusting(authority: Authority, client: Pair | None = None) -> dict[str, Any]:
    settings = {"SERVER_B_TLS": "true", "SERVER_B_CA_FILE": authority.ca_file}
    if client is None:
        return settings
    return {
        **settings,
        "SERVER_B_CLIENT_CERT_FILE": client.cert_file,
        "SERVER_B_CLIENT_KEY_FILE": client.key_file,
    }


def expired(ours: Authority, _: Authority) -> Fault:
    pair = ours.issue("server", life=timedelta(minutes=-1))
    return Fault("an expired certificate", served(pair), trusting(ours), "has expired")


def wrong_authority(ours: Authority, other: Authority) -> Fault:
    told = "is not from a trusted authority"
    return Fault("a certificate of another authority", served(ours.issue("server")), trusting(other), told)


def wrong_name(ours: Authority, _: Authority) -> Fault:
    pair = ours.issue("server", hosts=["b.example.com", "192.0.2.1"])
    told = "is for b.example.com, 192.0.2.1, not for 127.0.0.1"
    return Fault("a certificate for another name", served(pair), trusting(ours), told)


def plaintext_to_tls(ours: Authority, _: Authority) -> Fault:
    return Fault(
        "plaintext to a TLS port", served(ours.issue("server")), {}, "speaks TLS, and this end speaks plaintext"
    )


def tls_to_plaintext(ours: Authority, _: Authority) -> Fault:
    return Fault("TLS to a plaintext port", None, trusting(ours), "speaks plaintext, and this end speaks TLS")


def no_client_certificate(ours: Authority, _: Authority) -> Fault:
    certificates = served(ours.issue("server"), ours.ca_file)
    return Fault("no client certificate", certificates, trusting(ours), "accepts only clients with a certificate")


def foreign_client_certificate(ours: Authority, other: Authority) -> Fault:
    certificates = served(ours.issue("server"), ours.ca_file)
    settings = trusting(ours, other.issue("client"))
    return Fault("a client certificate of another authority", certificates, settings, "refuses this certificate")


def expired_client_certificate(ours: Authority, _: Authority) -> Fault:
    certificates = served(ours.issue("server"), ours.ca_file)
    settings = trusting(ours, ours.issue("client", life=timedelta(minutes=-1)))
    return Fault("an expired client certificate", certificates, settings, "expired on")


FAULTS = (
    expired,
    wrong_authority,
    wrong_name,
    plaintext_to_tls,
    tls_to_plaintext,
    no_client_certificate,
    foreign_client_certificate,
    expired_client_certificate,
)


@pytest.fixture
def fault(request: pytest.FixtureRequest, tmp_path: Path) -> Fault:
    (tmp_path / "other").mkdir()
    made: Fault = request.param(Authority(tmp_path, "ours"), Authority(tmp_path / "other", "other"))
    return made


@pytest.mark.parametrize("fault", FAULTS, indirect=True, ids=lambda it: it.__name__)
async def test_every_door_fails_in_seconds_and_points_to_the_check_which_names_the_fault(
    fault: Fault, record_fault: RecordFault, rounds: Callable[[int], int], tmp_path: Path
) -> None:
    async with (
        serving(certificates=fault.certificates) as server,
        gateway(server.target, **lower(fault.settings)) as http,
        stdio_server(tmp_path, "server_a", SERVER_B_TARGET=server.target, **fault.settings) as server_a,
    ):
        await server_a.initialize()
        dial = gateway_settings(server_b_target=server.target, **lower(fault.settings)).dial
        doors = {"grpc": over_grpc(dial), "http": over_http(http), "mcp": over_mcp(server_a)}
        for number in range(1, rounds(20) + 1):
            for door, told in zip(doors, await asyncio.gather(*(ask(number) for ask in doors.values())), strict=True):
                assert (told.reason, CHECK in told.text) == ("SERVER_B_UNAVAILABLE", True)
                record_fault(fault=fault.name, door=door, outcome=told.reason, seconds=told.seconds)
        failures = [finding.text async for finding in server_b_findings(dial) if not finding.ok]
        assert len(failures) == 1
        assert fault.told in failures[0]
        await late_events()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a door returned, and how soon."""

    reason: str
    text: str
    seconds: float


Ask = Callable[[int], Awaitable[Refusal]]


def timed(ask: Callable[[int], Awaitable[tuple[str, str]]]) -> Ask:
    async def told(number: int) -> Refusal:
        began = time.monotonic()
        async with asyncio.timeout(SECONDS):
            reason, text = await ask(number)
        return Refusal(reason, text, time.monotonic() - began)

    return told


def over_grpc(dial: Dial) -> Ask:
    @timed
    async def ask(_: int) -> tuple[str, str]:
        async with RelayClient(dial) as client:
            with pytest.raises(ServerBUnavailable) as refusal:
                await client.process(Prompt(message="Hi"))
        return refusal.value.reason, refusal.value.message

    return ask


def over_http(http: httpx2.AsyncClient) -> Ask:
    @timed
    async def ask(_: int) -> tuple[str, str]:
        response = await http.post("/process", json={"message": "Hi"})
        assert response.status_code == 503
        return response.json()["reason"], response.json()["detail"]

    return ask


def over_mcp(server_a: StdioServer) -> Ask:
    @timed
    async def ask(number: int) -> tuple[str, str]:
        await server_a.call(number, "send_message", {"message": "Hi"})
        result = (await server_a.answer(number))["result"]
        return result["_meta"]["reason"], result["content"][0]["text"]

    return ask


def lower(settings: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in settings.items()}
