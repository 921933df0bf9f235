"""How the way to a provider is found: the names that are looked up."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from yarl import URL

from server_b.providers.http.answer import ConnectionLost
from tests.support.raw_http import RawServer, asking, body_of

pytestmark = pytest.mark.anyio

SAYS_HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes the names under .test that are looked up: all mean this machine, late.test from its second time on."""
    names: list[str] = []
    look_up: Callable[..., Any] = socket.getaddrinfo

    def noting(host: str, *arguments: Any, **options: Any) -> Any:
        if not host.endswith(".test"):
            return look_up(host, *arguments, **options)
        names.append(host)
        if names == ["late.test"]:
            raise socket.gaierror("not yet")
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", noting)
    return names


async def test_a_name_is_looked_up_once_for_all_who_ask_at_once_though_one_leaves(lookups: list[str]) -> None:
    server = RawServer(*[SAYS_HI] * 10)
    async with server.listening() as url, asking(near := url.with_host("near.test")) as client, asyncio.timeout(5):
        leaving, *staying = [asyncio.create_task(client.ask("GET", near, {})) for _ in range(11)]
        await asyncio.sleep(0)
        leaving.cancel()
        answers = await asyncio.gather(*staying)
        assert [await body_of(answer) for answer in answers] == [b"Hi"] * 10
    assert lookups == ["near.test"]


async def test_a_name_that_was_not_found_is_looked_up_again(lookups: list[str]) -> None:
    async with RawServer(SAYS_HI).listening() as url, asking(late := url.with_host("late.test")) as client:
        with pytest.raises(ConnectionLost):
            await client.ask("GET", late, {})
        assert await body_of(await client.ask("GET", late, {})) == b"Hi"
    assert lookups == ["late.test"] * 2


async def test_a_name_behind_which_nobody_is_is_looked_up_again(lookups: list[str]) -> None:
    async with RawServer().listening() as url:
        pass
    async with asking(gone := URL(f"http://gone.test:{url.port}")) as client:
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await client.ask("GET", gone, {})
    assert lookups == ["gone.test"] * 2
