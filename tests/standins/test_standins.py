"""What is true of every stand-in, seen through a bare socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.standins import BedrockStandIn, Fault, FaultKind, OpenAIStandIn, Outcome, Script, StandIn

pytestmark = pytest.mark.anyio

HEAD_END = b"\r\n\r\n"
REQUESTS = {
    OpenAIStandIn: ("/v1/chat/completions", "Bearer sk-any"),
    BedrockStandIn: ("/model/amazon.nova-lite-v1%3A0/converse-stream", "AWS4-HMAC-SHA256 Credential=AKIA/x"),
}


@dataclass(frozen=True, slots=True)
class BareClient:
    """Requests streams, reads bytes, and leaves at any time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    path: str
    authorization: str

    def ask(self, body: bytes | None = None) -> None:
        """Writes one request."""
        body = body or json.dumps({"model": "gpt-4o", "stream": True}).encode()
        lines = (
            f"POST {self.path} HTTP/1.1\r\nauthorization: {self.authorization}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.writer.write(lines.encode() + body)

    async def status(self) -> int:
        """Reads the answer's head."""
        async with asyncio.timeout(60):
            head = await self.reader.readuntil(HEAD_END)
        return int(head.split(b" ")[1])

    async def chunks(self) -> list[bytes]:
        """Reads the body, in the chunks in which it arrived."""
        chunks = []
        async with asyncio.timeout(60):
            while size := int(await self.reader.readline(), 16):
                chunks.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readline()
        return chunks

    async def rest(self) -> bytes:
        """Reads until the connection is closed."""
        async with asyncio.timeout(60):
            return await self.reader.read()


@asynccontextmanager
async def client_of(standin: StandIn) -> AsyncIterator[BareClient]:
    host, port = standin.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield BareClient(reader, writer, *REQUESTS[type(standin)])
    finally:
        writer.close()


@pytest.fixture(params=REQUESTS, ids=lambda kind: kind.__name__)
async def standin(request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    async with request.param() as standin:
        yield standin


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS, FaultKind.HANG_DURING])
async def test_a_client_that_leaves_is_noticed_while_nothing_is_written(standin: StandIn, kind: FaultKind) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2))
    async with client_of(standin) as client:
        client.ask()
        received = await standin.next_request()
        if kind is not FaultKind.HANG:
            assert await client.status() == 200
        assert (standin.open_connections, received.outcome) == (1, Outcome.RUNNING)

    assert await received.ended() is Outcome.DISCONNECTED
    assert received.words_sent == (2 if kind is FaultKind.HANG_DURING else 0)
    await standin.all_closed()


async def test_a_client_that_leaves_between_two_words_is_noticed_before_the_next(standin: StandIn) -> None:
    standin.script = Script(gap_s=3600)
    async with client_of(standin) as client:
        client.ask()
        received = await standin.next_request()
        assert await client.status() == 200
        assert received.outcome is Outcome.RUNNING

    assert await received.ended() is Outcome.DISCONNECTED


async def test_one_connection_carries_several_requests(standin: StandIn) -> None:
    async with client_of(standin) as client:
        for _ in range(3):
            client.ask()
            assert await client.status() == 200
            assert await client.chunks()
        assert standin.open_connections == 1

    assert [received.outcome for received in standin.requests] == [Outcome.DONE] * 3
    assert [received.words_sent for received in standin.requests] == [4] * 3


async def test_a_fault_strikes_its_number_of_times_and_then_no_more(standin: StandIn) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, status=503, times=2))
    statuses = []
    for _ in range(3):
        async with client_of(standin) as client:
            client.ask()
            statuses.append(await client.status())

    assert statuses == [503, 503, 200]


async def test_a_cut_answer_ends_without_its_last_chunk(standin: StandIn) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.CUT, after=2))
    async with client_of(standin) as client:
        client.ask()
        assert await client.status() == 200
        body = await client.rest()

    assert b"Hello" in body
    assert b"w\xc3\xb6rld" not in body
    assert not body.endswith(b"0\r\n\r\n")
    assert standin.requests[0].outcome is Outcome.FAULT


async def test_a_reset_is_no_end_of_file(standin: StandIn) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.RESET, after=2))
    async with client_of(standin) as client:
        client.ask()
        with pytest.raises(ConnectionResetError):
            await client.rest()


async def test_a_multibyte_character_is_split_between_two_writes(standin: StandIn) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.SPLIT_UTF8))
    async with client_of(standin) as client:
        client.ask()
        assert await client.status() == 200
        chunks = await client.chunks()

    assert any(chunk.endswith(b"w\xc3") for chunk in chunks)
    assert b"w\xc3\xb6rld" in b"".join(chunks)


@pytest.mark.parametrize("per_write", [1, 3, 100])
async def test_events_are_written_in_groups(standin: StandIn, per_write: int) -> None:
    async with client_of(standin) as client:
        client.ask()
        assert await client.status() == 200
        one_by_one = await client.chunks()
        standin.script = Script(per_write=per_write)
        client.ask()
        assert await client.status() == 200
        together = await client.chunks()

    assert len(together) == -(-len(one_by_one) // per_write)
    assert b"".join(together) == b"".join(one_by_one)


async def test_its_end_closes_every_connection() -> None:
    async with AsyncExitStack() as clients:
        async with OpenAIStandIn(Script(fault=Fault(kind=FaultKind.HANG))) as standin:
            client = await clients.enter_async_context(client_of(standin))
            client.ask()
            await standin.next_request()

        assert await client.rest() == b""
        assert standin.open_connections == 0


async def test_an_internal_error_is_raised_at_its_end() -> None:
    async def ask_for_nonsense() -> None:
        async with OpenAIStandIn() as standin, client_of(standin) as client:
            client.ask(b"no JSON")
            assert await client.rest() == b""

    with pytest.raises(ExceptionGroup, match="OpenAIStandIn failed") as failure:
        await ask_for_nonsense()
    assert failure.group_contains(json.JSONDecodeError)


async def test_no_request_within_the_limit_is_a_timeout(standin: StandIn) -> None:
    with pytest.raises(TimeoutError):
        await standin.next_request(within_s=0)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("one", "two"), Fault(kind=FaultKind.CUT, after=3)),
        (("one", "two"), Fault(kind=FaultKind.CUT, after=-1)),
        (("one", "two"), Fault(kind=FaultKind.SPLIT_UTF8)),
    ],
    ids=["after too many words", "after less than none", "nothing to split"],
)
def test_a_fault_that_could_not_be_seen_is_refused(words: tuple[str, ...], fault: Fault) -> None:
    with pytest.raises(ValueError, match=r"after=|SPLIT_UTF8"):
        Script(words=words, fault=fault)
