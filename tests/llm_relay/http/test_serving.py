"""The HTTP server of the gateway and of MCP: certificates that change on disk, and slow clients."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_relay.tls.authority import Authority, Pair
from llm_relay.tls.http_server import HttpCertificates
from tests.support.programs import running

pytestmark = pytest.mark.anyio

LIMIT_S = 20.0
DOORS = pytest.mark.parametrize(
    ("program", "port"),
    [(("gateway",), "HTTP_PORT"), (("server_a", "http"), "MCP_PORT_A"), (("server_b", "sse"), "MCP_PORT_B")],
    ids=["gateway", "server_a", "server_b"],
)


async def is_trusted(port: int, authority: Authority, name: str = "localhost") -> bool:
    """Returns whether a TLS handshake succeeds for a client that trusts the authority.

    If `name` is an address, it sends no server name.
    """
    context = ssl.create_default_context(cafile=authority.ca_file)
    try:
        async with asyncio.timeout(LIMIT_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    return True


@DOORS
async def test_a_renewed_certificate_is_used_without_a_restart(
    program: tuple[str, ...], port: str, tmp_path: Path
) -> None:
    (tmp_path / "renewed").mkdir()
    first, renewed = Authority(tmp_path, "first"), Authority(tmp_path / "renewed", "renewed")
    pair = first.issue("door")
    settings = {port: "0", "HTTP_TLS_CERT_FILE": pair.cert_file, "HTTP_TLS_KEY_FILE": pair.key_file}
    async with running(tmp_path, *program, **settings) as door:
        assert await is_trusted(door.port, first)
        renew(renewed.issue("door"), pair)
        for name in ("localhost", "127.0.0.1"):
            assert await is_trusted(door.port, renewed, name)
            assert not await is_trusted(door.port, first, name)
    assert "Traceback" not in "".join(door.lines)


def renew(new: Pair, old: Pair) -> None:
    Path(new.key_file).replace(old.key_file)
    Path(new.cert_file).replace(old.cert_file)


def only_a_new_key(authority: Authority, pair: Pair) -> None:
    Path(authority.issue("other").key_file).replace(pair.key_file)


def no_certificate(_: Authority, pair: Pair) -> None:
    Path(pair.cert_file).unlink()


def half_a_certificate(_: Authority, pair: Pair) -> None:
    Path(pair.cert_file).write_text("-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize("spoil", [only_a_new_key, no_certificate, half_a_certificate])
async def test_a_half_renewed_pair_leaves_the_old_one_in_use_until_it_is_complete(
    spoil: Callable[[Authority, Pair], None], tmp_path: Path
) -> None:
    (tmp_path / "renewed").mkdir()
    first, renewed = Authority(tmp_path, "first"), Authority(tmp_path / "renewed", "renewed")
    pair = first.issue("door")
    context = HttpCertificates(pair.cert_file, pair.key_file).context()
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        spoil(first, pair)
        assert await is_trusted(port, first)
        renew(renewed.issue("door"), pair)
        assert await is_trusted(port, renewed)


def test_mismatched_files_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    one, two = authority.issue("one"), authority.issue("two")
    with pytest.raises(ValueError, match="HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE"):
        HttpCertificates(one.cert_file, two.key_file)
    with pytest.raises(ValueError, match=r"^HTTP_TLS_CERT_FILE: cannot read"):
        HttpCertificates(str(tmp_path / "absent.pem"), one.key_file)
