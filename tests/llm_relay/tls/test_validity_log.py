"""A server whose own certificate has expired logs it: its clients only see that it cannot be reached."""

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Prompt
from llm_relay.tls.authority import Authority, Pair
from llm_relay.tls.grpc_server import ServerCertificates
from llm_relay.tls.http_server import HttpCertificates
from tests.support.serving import serving

EXPIRED = timedelta(days=-1)
Serve: TypeAlias = Callable[[Pair], None]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


async def is_answered(client: RelayClient) -> bool:
    """Returns whether a call of this client succeeds; closes the client."""
    async with client:
        try:
            await client.process(Prompt(message="Hi"))
        except ServerBUnavailable:
            return False
        return True


def serve_grpc(pair: Pair) -> None:
    ServerCertificates(pair.cert_file, pair.key_file).credentials()


def serve_http(pair: Pair) -> None:
    HttpCertificates(pair.cert_file, pair.key_file).context()


@pytest.mark.parametrize(
    ("serve", "setting"), [(serve_grpc, "TLS_CERT_FILE"), (serve_http, "HTTP_TLS_CERT_FILE")], ids=["grpc", "http"]
)
def test_an_expired_certificate_is_an_error_in_the_log_at_the_start(
    authority: Authority, serve: Serve, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    serve(authority.issue("valid"))
    assert not caplog.messages
    pair = authority.issue("expired", life=EXPIRED)
    serve(pair)
    (line,) = caplog.messages
    assert line.startswith(f"{setting}: {pair.cert_file} expired on ")
    assert line.endswith(" UTC: renew it. Until then clients refuse it")


@pytest.mark.anyio
async def test_a_certificate_that_expires_while_it_is_served_is_an_error_once_until_it_is_renewed(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    pair = authority.issue("server")
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        authority.issue("server", life=EXPIRED)
        for _ in range(2):
            assert not await is_answered(server.client(tls=True, ca_file=authority.ca_file))
        (line,) = [found for found in caplog.messages if "TLS_CERT_FILE" in found]
        assert "expired on" in line
        authority.issue("server")
        assert await is_answered(server.client(tls=True, ca_file=authority.ca_file))
    assert len([found for found in caplog.messages if "TLS_CERT_FILE" in found]) == 1


def test_an_http_handshake_checks_a_renewed_certificate(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    pair = authority.issue("server")
    context = HttpCertificates(pair.cert_file, pair.key_file).context()
    authority.issue("server", life=EXPIRED)
    client, there, back = ssl.create_default_context(cafile=authority.ca_file), ssl.MemoryBIO(), ssl.MemoryBIO()
    far, near = client.wrap_bio(back, there, server_hostname="localhost"), context.wrap_bio(there, back, True)
    for end in (far, near):
        with pytest.raises(ssl.SSLWantReadError):
            end.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        far.do_handshake()
    assert ["expired on" in line for line in caplog.messages] == [True]
