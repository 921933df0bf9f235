"""boto3 accepts Bedrock's stand-in, and sees each fault, or is shown not to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import boto3
import pytest
from botocore import exceptions as aws
from botocore.config import Config
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from tests.standins import BedrockStandIn, Fault, FaultKind, Outcome, Script, Usage, eventstream
from tests.standins.bedrock import EXPIRED_TOKEN, MODELS, STATUS, WRONG_KEY_ID

pytestmark = pytest.mark.anyio

TEXT = "Hello, wörld!"
USAGE = Usage(input_tokens=20, output_tokens=7, cache_read_tokens=5, cache_write_tokens=3)
USAGE_ON_THE_WIRE = {
    "inputTokens": 20,
    "outputTokens": 7,
    "totalTokens": 35,
    "cacheReadInputTokens": 5,
    "cacheWriteInputTokens": 3,
}
Event = dict[str, Any]


class Caller:
    """boto3, whose blocking calls run in threads; its read timeout limits every call."""

    def __init__(self, session: boto3.session.Session, url: str) -> None:
        self.session = session
        self.url = url
        self.clients: list[Any] = []

    def client(self, service: str = "bedrock-runtime", *, read_timeout: float = 60, **keys: str) -> Any:
        keys = {"aws_access_key_id": "AKIAANY", "aws_secret_access_key": "any", **keys}
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=read_timeout)
        self.clients.append(self.session.client(service, endpoint_url=self.url, config=config, **keys))
        return self.clients[-1]

    async def whole(self, model: str = MODELS[0], **options: Any) -> Any:
        return await asyncio.to_thread(self.client(**options).converse, modelId=model, messages=[hi()])

    async def stream(self, model: str = MODELS[0], **options: Any) -> Any:
        call = self.client(**options).converse_stream
        return (await asyncio.to_thread(call, modelId=model, messages=[hi()]))["stream"]

    async def streamed(self, model: str = MODELS[0], **options: Any) -> tuple[list[Event], Exception | None]:
        """Returns the events, and the error that ended them."""
        return await asyncio.to_thread(drained, await self.stream(model, **options))


def hi() -> dict[str, Any]:
    return {"role": "user", "content": [{"text": "Hi"}]}


def drained(stream: Any) -> tuple[list[Event], Exception | None]:
    events: list[Event] = []
    try:
        events.extend(stream)  # keeps the events before an error
    except (aws.ClientError, ChecksumMismatch, ProtocolError, ReadTimeoutError, UnicodeDecodeError) as error:
        return events, error
    finally:
        stream.close()
    return events, None


def text_of(events: list[Event]) -> str:
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    return "".join(delta["delta"]["text"] for delta in deltas if delta)


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture(scope="module")
def session() -> boto3.session.Session:
    """One session for all tests, because it caches the service's description, which is slow to read."""
    return boto3.session.Session(region_name="us-east-1")


@pytest.fixture
def caller(session: boto3.session.Session, standin: BedrockStandIn) -> Iterator[Caller]:
    caller = Caller(session, standin.url)
    yield caller
    for client in caller.clients:
        client.close()


def test_a_message_has_both_of_its_checksums() -> None:
    document = '{"text":"wörld"}'.encode()
    frame = eventstream.message({":event-type": "contentBlockDelta", ":message-type": "event"}, document)
    buffer = EventStreamBuffer()
    buffer.add_data(frame + frame)
    messages = list(buffer)

    assert [message.payload for message in messages] == [document, document]
    assert messages[0].headers == {":event-type": "contentBlockDelta", ":message-type": "event"}


@pytest.mark.parametrize("at", [eventstream.PRELUDE_CRC_AT, eventstream.MESSAGE_CRC_AT])
def test_a_spoiled_checksum_is_noticed(at: int) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(eventstream.spoiled(eventstream.message({":event-type": "metadata"}, b"{}"), at))

    with pytest.raises(ChecksumMismatch):
        next(buffer)


async def test_a_whole_answer_has_its_text_end_and_usage(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(finish="max_tokens", usage=USAGE)
    answer = await caller.whole()

    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": TEXT}]}
    assert (answer["stopReason"], answer["usage"]) == ("max_tokens", USAGE_ON_THE_WIRE)
    received = await standin.next_request()
    assert received.path == "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse"
    assert received.body == {"messages": [hi()]}
    assert (received.outcome, received.words_sent) == (Outcome.DONE, 4)


async def test_a_stream_is_start_words_stops_metadata(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(usage=USAGE)
    events, error = await caller.streamed()

    assert error is None
    assert [next(iter(event)) for event in events] == [
        "messageStart",
        *["contentBlockDelta"] * 4,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert text_of(events) == TEXT
    assert events[-2]["messageStop"] == {"stopReason": "end_turn"}
    assert events[-1]["metadata"] == {"usage": USAGE_ON_THE_WIRE, "metrics": {"latencyMs": 1}}


async def test_unreported_usage_is_absent(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(usage=None)
    events, _ = await caller.streamed()

    assert "messageStop" in events[-1]
    assert "usage" not in await caller.whole()


async def test_a_model_may_have_its_own_script(standin: BedrockStandIn, caller: Caller) -> None:
    standin.scripts["amazon.nova-lite-v1:0"] = Script(words=("Other",))

    assert text_of((await caller.streamed("amazon.nova-lite-v1:0"))[0]) == "Other"
    assert text_of((await caller.streamed())[0]) == TEXT


async def test_foundation_models_are_listed_on_the_same_port(standin: BedrockStandIn, caller: Caller) -> None:
    listing = await asyncio.to_thread(caller.client("bedrock").list_foundation_models, byOutputModality="TEXT")

    assert [summary["modelId"] for summary in listing["modelSummaries"]] == list(MODELS)


@pytest.mark.parametrize("name", STATUS)
async def test_an_exception_has_its_name_status_and_message(standin: BedrockStandIn, caller: Caller, name: str) -> None:
    standin.script = Script(
        fault=Fault(kind=FaultKind.STATUS, code=name, message="Not now", headers={"retry-after": "2"})
    )
    with pytest.raises(aws.ClientError) as refusal:
        await caller.stream()

    response = refusal.value.response
    assert response["Error"] == {"Code": name, "Message": "Not now"}
    assert response["ResponseMetadata"]["HTTPStatusCode"] == STATUS[name]
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "2"


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"aws_access_key_id": WRONG_KEY_ID}, "UnrecognizedClientException"),
        ({"aws_session_token": EXPIRED_TOKEN}, "ExpiredTokenException"),
    ],
    ids=["wrong key", "expired token"],
)
async def test_wrong_credentials_are_refused(caller: Caller, keys: dict[str, str], name: str) -> None:
    with pytest.raises(aws.ClientError, match=name):
        await caller.whole(**keys)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("no-such-model", "ValidationException"),
        ("gone-model", "ResourceNotFoundException"),
        ("no-access", "AccessDeniedException"),
        ("short-context", "ValidationException"),
    ],
)
async def test_a_request_that_can_never_succeed_is_refused(caller: Caller, model: str, name: str) -> None:
    with pytest.raises(aws.ClientError, match=name):
        await caller.whole(model)


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [
        (FaultKind.CUT, ProtocolError),
        (FaultKind.RESET, ProtocolError),
        (FaultKind.MALFORMED, ChecksumMismatch),
        (FaultKind.MALFORMED_FRAME, ChecksumMismatch),
        (FaultKind.INVALID_UTF8, UnicodeDecodeError),
        (FaultKind.ERROR_EVENT, aws.EventStreamError),
    ],
)
async def test_a_broken_stream_gives_its_words_and_then_an_error(
    standin: BedrockStandIn, caller: Caller, kind: FaultKind, error_class: type[Exception]
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=2))
    events, error = await caller.streamed()

    assert text_of(events) == "Hello, "
    assert isinstance(error, error_class)


@pytest.mark.parametrize("name", ["throttlingException", "modelStreamErrorException", "internalServerException"])
async def test_an_exception_during_the_stream_has_its_name(standin: BedrockStandIn, caller: Caller, name: str) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT, after=1, code=name, message="Enough"))
    _, error = await caller.streamed()

    assert isinstance(error, aws.EventStreamError)
    assert error.response["Error"] == {"Code": name, "Message": "Enough"}


@pytest.mark.parametrize(
    ("kind", "error_class"),
    [
        (FaultKind.CUT_BEFORE, aws.ConnectionClosedError),
        (FaultKind.RESET, aws.ConnectionClosedError),
        (FaultKind.INVALID_UTF8, UnicodeDecodeError),
        (FaultKind.ERROR_EVENT, aws.ClientError),
    ],
)
async def test_a_broken_whole_answer_is_an_error(
    standin: BedrockStandIn, caller: Caller, kind: FaultKind, error_class: type[Exception]
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    with pytest.raises(error_class):
        await caller.whole()


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.MALFORMED])
async def test_botocore_mistakes_a_broken_body_for_an_empty_answer(
    standin: BedrockStandIn, caller: Caller, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind))

    assert (await caller.whole()).keys() == {"ResponseMetadata"}


async def test_botocore_mistakes_bad_json_in_a_sound_message_for_an_empty_event(
    standin: BedrockStandIn, caller: Caller
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.MALFORMED_JSON, after=2))
    events, error = await caller.streamed()

    assert (text_of(events), error) == ("Hello, !", None)


async def test_botocore_mistakes_a_stream_without_its_end_for_a_complete_one(
    standin: BedrockStandIn, caller: Caller
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.NO_END))
    events, error = await caller.streamed()

    assert (text_of(events), error) == (TEXT, None)
    assert not [event for event in events if "messageStop" in event or "metadata" in event]
    assert "stopReason" not in await caller.whole()


async def test_a_split_character_arrives_whole(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.SPLIT_UTF8))
    events, error = await caller.streamed()

    assert (text_of(events), error) == (TEXT, None)


async def test_a_stream_closed_early_closes_its_connection(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    stream = await caller.stream()
    iterator = iter(stream)
    await asyncio.to_thread(next, iterator)
    received = await standin.next_request()
    assert received.outcome is Outcome.RUNNING
    stream.close()

    assert await received.ended() is Outcome.DISCONNECTED
    assert received.words_sent == 1
    await standin.all_closed()


@pytest.mark.parametrize("kind", [FaultKind.HANG_HEADERS, FaultKind.HANG_DURING])
async def test_silence_ends_at_the_clients_timeout(standin: BedrockStandIn, caller: Caller, kind: FaultKind) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=1))
    events, error = await caller.streamed(read_timeout=0.1)

    assert isinstance(error, ReadTimeoutError)
    assert text_of(events) == ("Hello" if kind is FaultKind.HANG_DURING else "")
    assert await (await standin.next_request()).ended() is Outcome.DISCONNECTED


async def test_a_request_that_hangs_is_dropped_at_the_clients_timeout(standin: BedrockStandIn, caller: Caller) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.HANG))
    with pytest.raises(aws.ReadTimeoutError):
        await caller.whole(read_timeout=0.1)

    assert await (await standin.next_request()).ended() is Outcome.DISCONNECTED
