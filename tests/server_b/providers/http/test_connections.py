"""The HTTP client's connections: when one is reused, when a request is sent again, and when one is closed."""

import asyncio
import contextlib

import pytest
from yarl import URL

from llm_relay.errors import ProviderUnavailable
from server_b.providers.http.client import HttpClient
from server_b.providers.http.limits import Limits
from tests.support.raw_http import END, Listener, RawServer, asking, body_of

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
SAYS_HI = OK + b"Content-Length: 2\r\n\r\nHi"
CUT = RawServer.CUT


async def ask(client: HttpClient, url: URL, method: str = "POST") -> bytes:
    return await body_of(await client.ask(method, str(url), {}, b"{}" if method == "POST" else b""))


async def test_requests_in_turn_share_a_connection() -> None:
    server = RawServer(SAYS_HI, SAYS_HI, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        for _ in range(3):
            await ask(client, url)
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nHi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nHi",
        SAYS_HI + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale",
        SAYS_HI + b"\x00",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nHi\r\n0\r\n\r\nrubbish",
        OK + b"Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nHi",
        OK + b"Keep-Alive: max=5, timeout = 0\r\nContent-Length: 2\r\n\r\nHi",
    ],
    ids=[
        "told to close",
        "HTTP/1.0",
        "a second answer",
        "rubbish after it",
        "rubbish after its chunks",
        "idle time over",
        "no idle time",
    ],
)
async def test_a_connection_that_cannot_serve_again_is_not_reused(answer: bytes) -> None:
    server = RawServer(answer, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        assert await ask(client, url) == b"Hi"
    assert server.connections == 2


async def test_a_connection_is_reused_within_the_idle_time_of_its_server() -> None:
    server = RawServer(OK + b"Keep-Alive: timeout=60, max=100\r\nContent-Length: 2\r\n\r\nHi", SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url)
        await ask(client, url)
    assert server.connections == 1


async def test_a_server_that_closes_an_idle_connection_gets_a_new_one() -> None:
    server = RawServer(SAYS_HI + CUT, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        await server.idle()
        assert await ask(client, url) == b"Hi"


# A reused connection that turns out to be closed.


@pytest.mark.parametrize("ending", [CUT, RawServer.RESET], ids=["closed", "reset"])
async def test_a_request_is_sent_once_more_if_a_reused_connection_is_lost_at_once(ending: bytes) -> None:
    server = RawServer(SAYS_HI, ending, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        assert await ask(client, url) == b"Hi"
        assert await ask(client, url) == b"Hi"
    assert (server.connections, len(server.requests)) == (2, 3)


async def test_the_second_attempt_uses_a_new_connection() -> None:
    server = RawServer()
    async with server.listening() as url, asking(url) as client:
        tasks = [asyncio.create_task(ask(client, url)) for _ in range(3)]
        await server.until_requests(3)
        server.answer_waiting(SAYS_HI)
        await asyncio.gather(*tasks)  # leaves three idle connections
        server.answers = [CUT, SAYS_HI]
        assert await ask(client, url) == b"Hi"
    assert (server.connections, len(server.requests)) == (4, 5)


async def test_a_request_is_never_sent_three_times() -> None:
    server = RawServer(SAYS_HI, CUT, CUT, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url)
        with pytest.raises(ProviderUnavailable) as raised:
            await ask(client, url)
    assert raised.value.may_have_worked
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [b"H" + CUT, b"HTTP/1.1 200 OK\r\nContent-" + CUT, b"HTTP/1.1 2" + RawServer.RESET],
    ids=["a byte", "half a head", "half a head, then reset"],
)
async def test_a_request_is_not_sent_again_once_a_byte_arrived(answer: bytes) -> None:
    server = RawServer(SAYS_HI, answer, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        await ask(client, url)
        with pytest.raises(ProviderUnavailable) as raised:
            await ask(client, url)
    assert raised.value.may_have_worked
    assert len(server.requests) == 2


@pytest.mark.parametrize("ending", [CUT, RawServer.RESET], ids=["closed", "reset"])
async def test_a_request_is_not_sent_again_if_a_new_connection_is_lost(ending: bytes) -> None:
    server = RawServer(ending, SAYS_HI)
    async with server.listening() as url, asking(url) as client:
        with pytest.raises(ProviderUnavailable) as raised:
            await ask(client, url)
    assert raised.value.may_have_worked
    assert len(server.requests) == 1


async def test_a_request_is_not_sent_again_once_the_server_has_had_time_to_work() -> None:
    server = RawServer(SAYS_HI, CUT, SAYS_HI)
    async with server.listening() as url, asking(url, Limits(redial_within_s=0)) as client:
        await ask(client, url)
        with pytest.raises(ProviderUnavailable):
            await ask(client, url)
    assert len(server.requests) == 2


# The end of a connection.


async def test_an_idle_connection_is_not_kept_forever() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asking(url, Limits(idle_s=0.05)) as client, asyncio.timeout(60):
        await ask(client, url)
        await server.lost.wait()


async def test_a_closed_client_closes_its_connections() -> None:
    server = RawServer(SAYS_HI)
    async with server.listening() as url, asyncio.timeout(60):
        async with asking(url) as client:
            await ask(client, url)
            assert not server.lost.is_set()
        await server.lost.wait()


async def test_a_client_that_was_never_used_can_be_closed() -> None:
    await HttpClient("http://127.0.0.1:1").close()


async def test_an_answer_that_is_abandoned_closes_its_connection() -> None:
    server = RawServer(OK + b"Content-Length: 3\r\n\r\nHi")
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        (await client.ask("GET", str(url))).close()
        await server.lost.wait()


async def test_a_connection_whose_request_was_answered_early_is_not_reused() -> None:
    class Hasty(Listener):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.requests.append(await reader.readuntil(END))
            writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nHi")
            await self.lost.wait()

    server = Hasty()
    async with server.listening() as url, asking(url) as client, asyncio.timeout(10):
        response = await client.ask("POST", str(url), {}, b"x" * 2**24)
        assert (response.status, await body_of(response)) == (413, b"Hi")
        assert (await client.ask("POST", str(url), {}, b"x" * 2**24)).status == 413
    assert server.connections == 2


async def test_a_large_answer_that_is_drained_leaves_its_connection_usable() -> None:
    body = b"x" * 200_000
    server = RawServer(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body, SAYS_HI)
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        with contextlib.closing(await client.ask("GET", str(url))) as response:
            await response.drain()
        assert await ask(client, url) == b"Hi"
    assert server.connections == 1


@pytest.mark.parametrize("size", [2, 2**24])
async def test_a_cancelled_request_closes_its_connection(size: int) -> None:
    server = RawServer()
    async with server.listening() as url, asking(url) as client, asyncio.timeout(60):
        task = asyncio.create_task(client.ask("POST", str(url), {}, b"x" * size))
        await server.connected.wait()
        await asyncio.sleep(0)
        task.cancel()
        await server.lost.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_more_requests_run_at_once_than_http_clients_allow_by_default() -> None:
    server = RawServer()
    async with server.listening() as url, asking(url) as client, asyncio.timeout(10):
        tasks = []
        for _ in range(3):  # in groups smaller than a socket's backlog
            tasks += [asyncio.create_task(client.ask("GET", str(url))) for _ in range(50)]
            await server.until_requests(len(tasks))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await server.idle()
