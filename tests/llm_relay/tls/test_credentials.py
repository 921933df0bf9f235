"""TLS and mutual TLS between a real client and a real server, with files that change on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Prompt
from llm_relay.tls.authority import Authority, Pair
from llm_relay.tls.grpc_server import ServerCertificates
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


async def is_answered(client: RelayClient) -> bool:
    """Returns whether a call of this client succeeds; closes the client."""
    async with client:
        try:
            await client.process(HI)
        except ServerBUnavailable:
            return False
        return True


async def test_a_client_that_trusts_the_authority_is_served(authority: Authority, pair: Pair) -> None:
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        assert await is_answered(server.client(tls=True, ca_file=authority.ca_file))


async def test_a_client_that_does_not_trust_it_or_speaks_plaintext_is_not_served(pair: Pair, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        assert not await is_answered(server.client(tls=True, ca_file=other.ca_file))
        assert not await is_answered(server.client())


async def test_mutual_tls_serves_only_clients_with_a_certificate_of_the_authority(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    mine, foreign = authority.issue("client"), Authority(tmp_path, "other").issue("foreign")
    certificates = ServerCertificates(pair.cert_file, pair.key_file, authority.ca_file)
    async with serving(certificates=certificates) as server:

        def client(**own: Any) -> RelayClient:
            return server.client(tls=True, ca_file=authority.ca_file, **own)

        assert await is_answered(client(cert_file=mine.cert_file, key_file=mine.key_file))
        assert not await is_answered(client())
        assert not await is_answered(client(cert_file=foreign.cert_file, key_file=foreign.key_file))


async def test_servers_of_an_address_list_are_served_if_their_certificates_name_the_first_address(
    authority: Authority, pair: Pair
) -> None:
    certificates = ServerCertificates(pair.cert_file, pair.key_file)
    async with serving(certificates=certificates) as one, serving(certificates=certificates) as other:
        for target in (f"ipv4:{one.target},{other.target}", f"ipv4:127.0.0.1:1,{other.target}"):
            assert await is_answered(one.client(target=target, tls=True, ca_file=authority.ca_file))


async def test_a_renewed_certificate_is_used_without_a_restart(
    authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    renewed = Authority(tmp_path, "renewed")
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        assert not await is_answered(server.client(tls=True, ca_file=renewed.ca_file))
        renewed.issue("server")
        assert await is_answered(server.client(tls=True, ca_file=renewed.ca_file))
        assert not await is_answered(server.client(tls=True, ca_file=authority.ca_file))


def only_a_new_key(authority: Authority, pair: Pair) -> None:
    Path(pair.key_file).write_bytes(Path(authority.issue("other").key_file).read_bytes())


def no_certificate(_: Authority, pair: Pair) -> None:
    Path(pair.cert_file).unlink()


def half_a_certificate(_: Authority, pair: Pair) -> None:
    Path(pair.cert_file).write_text("-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize("renew", [only_a_new_key, no_certificate, half_a_certificate])
async def test_a_half_renewed_pair_leaves_the_old_one_in_use(
    authority: Authority, pair: Pair, renew: Callable[[Authority, Pair], None]
) -> None:
    async with serving(certificates=ServerCertificates(pair.cert_file, pair.key_file)) as server:
        renew(authority, pair)
        assert await is_answered(server.client(tls=True, ca_file=authority.ca_file))


def test_mismatched_files_stop_the_start_by_name(authority: Authority, pair: Pair, tmp_path: Path) -> None:
    other = authority.issue("other")
    garbled = tmp_path / "garbled.pem"
    garbled.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for cert_file, key_file in (
        (pair.cert_file, other.key_file),
        (pair.key_file, pair.cert_file),
        (str(garbled), pair.key_file),
    ):
        with pytest.raises(ValueError, match="TLS_CERT_FILE and TLS_KEY_FILE"):
            ServerCertificates(cert_file, key_file)
    with pytest.raises(ValueError, match=r"^TLS_CLIENT_CA_FILE"):
        ServerCertificates(pair.cert_file, pair.key_file, str(garbled))


def test_files_that_cannot_be_read_stop_the_start_by_name(pair: Pair, tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.touch()
    for wrong in (absent, empty, tmp_path):
        with pytest.raises(ValueError, match=r"^TLS_CERT_FILE"):
            ServerCertificates(str(wrong), pair.key_file)
        with pytest.raises(ValueError, match=r"^TLS_KEY_FILE"):
            ServerCertificates(pair.cert_file, str(wrong))
        with pytest.raises(ValueError, match=r"^TLS_CLIENT_CA_FILE"):
            ServerCertificates(pair.cert_file, pair.key_file, str(wrong))


async def test_a_client_names_its_bad_files_too(authority: Authority, pair: Pair) -> None:
    async with serving() as server:
        with pytest.raises(ValueError, match=r"^SERVER_B_CA_FILE"):
            server.client(tls=True, ca_file=pair.key_file)
        with pytest.raises(ValueError, match="SERVER_B_CLIENT_KEY_FILE"):
            server.client(tls=True, ca_file=authority.ca_file, cert_file=pair.cert_file)
