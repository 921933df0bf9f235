"""A server that cannot be reached: the operator learns what failed, where and why; nothing was sent or spent."""

import asyncio
import re
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from llm_relay.errors import ProviderUnavailable, RelayError
from llm_relay.tls.authority import Authority
from server_b.providers.http.limits import DEFAULT_LIMITS, Limits
from tests.support.raw_http import RawServer, asking, body_of, tls_for

pytestmark = pytest.mark.anyio

SAYS_HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"


async def failure(url: URL, limits: Limits = DEFAULT_LIMITS) -> RelayError:
    async with asking(url, limits) as client, asyncio.timeout(10):
        with pytest.raises(RelayError) as raised:
            await client.ask("POST", str(url), {}, b"{}")
    assert not raised.value.may_have_worked
    return raised.value


def assert_unreachable(error: RelayError, detail: str) -> None:
    assert type(error) is ProviderUnavailable
    assert re.fullmatch(detail, error.operator_detail)
    assert error.message == ProviderUnavailable.default_message


async def test_a_server_that_is_down_is_unreachable() -> None:
    async with RawServer().listening() as url:
        pass
    assert_unreachable(await failure(url), rf"no connection to 127\.0\.0\.1:{url.port}: connection refused")


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 70}.test"])
async def test_a_name_without_an_address_is_unreachable(host: str) -> None:
    assert_unreachable(await failure(URL(f"http://{host}")), rf"no address is known for {host}:80: .+")


async def test_a_server_that_accepts_and_sends_nothing_is_unreachable() -> None:
    silent = RawServer()
    async with silent.listening() as url, asyncio.timeout(60):
        error = await failure(url.with_scheme("https"), Limits(connect_timeout_s=0.5))
        await silent.lost.wait()
    assert_unreachable(error, rf"no connection to 127\.0\.0\.1:{url.port} within 0.5 s")


async def test_a_server_without_tls_is_unreachable_over_https() -> None:
    server = RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n" + RawServer.CUT)
    server.until = b"\x16"  # the first bytes of a TLS handshake
    async with server.listening() as url:
        error = await failure(url.with_scheme("https"))
    assert_unreachable(error, rf"no TLS with 127\.0\.0\.1:{url.port}: .+: is its scheme http\?")


async def test_a_server_with_tls_only_is_unreachable_over_http(authority: Authority) -> None:
    server = RawServer(SAYS_HI)
    async with server.listening(tls_for(authority, "127.0.0.1")) as url, asking(url.with_scheme("http")) as client:
        with pytest.raises(RelayError):
            await client.ask("POST", str(url.with_scheme("http")), {}, b"{}")
    assert server.requests == []


async def test_a_connection_that_is_lost_during_the_handshake_is_unreachable() -> None:
    server = RawServer(RawServer.CUT)
    server.until = b"\x16"
    async with server.listening() as url:
        error = await failure(url.with_scheme("https"))
    assert_unreachable(error, rf"no connection to 127\.0\.0\.1:{url.port}: .+")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that clients trust."""
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    return authority


async def test_a_server_whose_certificate_is_trusted_is_called_over_tls(authority: Authority) -> None:
    server = RawServer(SAYS_HI, SAYS_HI)
    async with server.listening(tls_for(authority, "127.0.0.1")) as url, asking(url) as client:
        assert await body_of(await client.ask("GET", str(url))) == b"Hi"
        assert await body_of(await client.ask("POST", str(url), {}, b"x" * 2**20)) == b"Hi"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("another host's", "certificate is not valid for '127.0.0.1'.*|IP address mismatch.*"),
        ("another authority's", "unable to get local issuer certificate|self-signed certificate.*"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_refused_with_the_reason(
    authority: Authority, tmp_path: Path, fault: str, reason: str
) -> None:
    tls: ssl.SSLContext = tls_for(authority, "other.test")
    if fault == "another authority's":
        tls = tls_for(Authority(tmp_path, "other"), "127.0.0.1")
    server = RawServer(SAYS_HI)
    async with server.listening(tls) as url:
        error = await failure(url)
    where = rf"127\.0\.0\.1:{url.port}"
    assert_unreachable(error, rf"the TLS certificate of {where} is not trusted: (?:{reason})")
    assert not error.repeat_helps
    assert server.requests == []


# Names.


class Names(AbstractResolver):
    """Every name is this machine's; late.test only from the second lookup on."""

    def __init__(self) -> None:
        self.lookups: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.lookups.append(host)
        if self.lookups == ["late.test"]:
            raise socket.gaierror("not yet")
        return await ThreadedResolver().resolve("127.0.0.1", port, family)

    async def close(self) -> None:
        pass


async def test_a_name_is_looked_up_once_for_all_concurrent_callers_even_if_one_leaves() -> None:
    names, server = Names(), RawServer(*[SAYS_HI] * 10)
    async with (
        server.listening() as url,
        asking(near := url.with_host("near.test"), resolver=names) as client,
        asyncio.timeout(60),
    ):
        leaving, *staying = [asyncio.create_task(client.ask("GET", str(near))) for _ in range(11)]
        await asyncio.sleep(0)
        leaving.cancel()
        answers = await asyncio.gather(*staying)
        assert [await body_of(answer) for answer in answers] == [b"Hi"] * 10
    assert names.lookups == ["near.test"]


async def test_a_name_that_was_not_found_is_looked_up_again() -> None:
    names = Names()
    async with (
        RawServer(SAYS_HI).listening() as url,
        asking(late := url.with_host("late.test"), resolver=names) as client,
    ):
        with pytest.raises(ProviderUnavailable):
            await client.ask("GET", str(late))
        assert await body_of(await client.ask("GET", str(late))) == b"Hi"
    assert names.lookups == ["late.test"] * 2
