"""One caller cannot fill the server with sessions."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from starlette.types import Message, Receive, Scope, Send

from llm_relay.mcp.http.session_limits import MAX_SESSIONS_PER_CALLER, LimitConnections, LimitSessions
from tests.support.mcp_http import INITIALIZE, PING, SESSION_ID, client
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
NAMES = ("ann", "bob", "cid", "dan")


@pytest.fixture(scope="module")
async def server_a(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    tokens = ",".join(f"{name}:secret-of-{name}" for name in NAMES)
    settings = {"SERVER_B_TARGET": NOWHERE, "RELAY_TOKENS": tokens, "MCP_PORT_A": "0"}
    async with running(tmp_path_factory.mktemp("sessions"), "server_a", "http", **settings) as program:
        yield program


def client_of(name: str, program: Program) -> httpx2.AsyncClient:
    return client(program, Authorization=f"Bearer secret-of-{name}")


async def ping(http: httpx2.AsyncClient, session_id: str) -> int:
    return (await http.post("/mcp", json=PING, headers={SESSION_ID: session_id})).status_code


async def open_many(http: httpx2.AsyncClient, count: int) -> list[str]:
    opened = [await http.post("/mcp", json=INITIALIZE) for _ in range(count)]
    return [response.headers[SESSION_ID] for response in opened]


async def test_the_least_recently_used_session_makes_room_for_a_new_one(server_a: Program) -> None:
    async with client_of("ann", server_a) as ann, client_of("bob", server_a) as bob:
        of_bob = (await open_many(bob, 1))[0]
        first, second, *others = await open_many(ann, MAX_SESSIONS_PER_CALLER)
        assert await ping(ann, first) == 200
        last = (await open_many(ann, 1))[0]
        assert await ping(ann, second) == 404
        assert [await ping(ann, one) for one in (first, others[0], others[-1], last)] == [200] * 4
        assert await ping(bob, of_bob) == 200


async def test_a_session_that_is_in_use_is_kept(server_a: Program) -> None:
    async with client_of("cid", server_a) as cid:
        in_use, unused = await open_many(cid, 2)
        async with cid.stream("GET", "/mcp", headers={SESSION_ID: in_use}) as events:
            assert events.status_code == 200
            await open_many(cid, MAX_SESSIONS_PER_CALLER - 1)
            assert await ping(cid, unused) == 404
            assert await ping(cid, in_use) == 200


async def test_a_deleted_session_makes_room(server_a: Program) -> None:
    async with client_of("dan", server_a) as dan:
        first, second, *_ = await open_many(dan, MAX_SESSIONS_PER_CALLER)
        assert (await dan.delete("/mcp", headers={SESSION_ID: second})).status_code == 200
        await open_many(dan, 1)
        assert await ping(dan, first) == 200


async def test_another_caller_cannot_close_a_session(server_a: Program) -> None:
    async with client_of("ann", server_a) as ann, client_of("bob", server_a) as bob:
        of_ann = (await open_many(ann, 1))[0]
        assert (await bob.delete("/mcp", headers={SESSION_ID: of_ann})).status_code == 404
        assert await ping(ann, of_ann) == 200


class HeldOpen:
    """An application whose responses begin at once and end when they are released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.began = asyncio.Event()

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        headers = [(SESSION_ID.encode(), b"one")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        self.began.set()
        await self.released.wait()
        await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("limited", [LimitSessions, LimitConnections])
async def test_another_session_is_refused_if_all_are_in_use(limited: type[LimitSessions | LimitConnections]) -> None:
    held = HeldOpen()
    app = limited(held, limit=1)

    async def status() -> int:
        started: list[Message] = []

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            started.append(message)

        await app({"type": "http", "method": "POST", "headers": []}, receive, send)
        return int(started[0]["status"])

    first = asyncio.create_task(status())
    await held.began.wait()
    assert await status() == 503
    held.released.set()
    assert await first == 200
    assert await status() == 200
