"""More than text over gRPC, from a client to the mock and back: tools, images, schemas and reasoning."""

import json
from collections.abc import AsyncIterator

import jsonschema
import pytest

from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import InvalidRequest, ProviderProtocol, RelayError, TooLarge, Unsupported
from llm_relay.messages import (
    Answer,
    Delta,
    Event,
    Finished,
    FinishReason,
    Image,
    Options,
    OutputDelta,
    Part,
    Prompt,
    Reasoning,
    ReasoningDelta,
    ResponseFormat,
    ResponseKind,
    Role,
    Started,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}
WEATHER = Tool(name="get_weather", description="Tells the weather", input_schema_json=json.dumps(CITY))
TIME = Tool(name="get_local_time", input_schema_json='{"type": "object"}')
REQUIRED = ToolChoice(mode=ToolChoiceMode.REQUIRED)


@pytest.fixture
async def client() -> AsyncIterator[RelayClient]:
    async with serving() as server, server.client() as client:
        yield client


async def streamed(client: RelayClient, prompt: Prompt) -> list[Event]:
    return [event async for event in client.stream_process(prompt)]


async def _gather(client: RelayClient, prompt: Prompt, seen: list[Event]) -> None:
    async for event in client.stream_process(prompt):
        seen.append(event)  # noqa: PERF401 - what arrived before an error counts


def calls(answer: Answer) -> list[ToolCall]:
    return [part for part in answer.parts if isinstance(part, ToolCall)]


def prompt_with(message: str, *parts: Part, history: tuple[Turn, ...] = (), **options: object) -> Prompt:
    return Prompt(message=message, parts=parts, history=history, options=Options(**options))  # type: ignore[arg-type]


async def test_a_tool_loop_of_two_rounds_ends_with_the_result_in_the_answer(client: RelayClient) -> None:
    first = await client.process(prompt_with("What is the weather in Oslo?", tools=(WEATHER, TIME)))
    assert first.finished.finish_reason is FinishReason.TOOL_CALLS
    (call,) = calls(first)
    jsonschema.validate(json.loads(call.arguments_json), CITY)

    history = (Turn(role=Role.USER, text="What is the weather in Oslo?"), Turn(role=Role.ASSISTANT, parts=first.parts))
    result = ToolResult(tool_call_id=call.id, content=(TextPart(text="5 °C and rain"),))
    second = await client.process(prompt_with("", result, history=history, tools=(WEATHER, TIME)))
    assert second.finished.finish_reason is FinishReason.STOP
    assert "5 °C and rain" in second.text
    assert second.parts == ()


async def test_parallel_calls_have_separate_ids_and_blocks(client: RelayClient) -> None:
    prompt = prompt_with("The weather and the local time, please", tools=(WEATHER, TIME))
    whole = calls(await client.process(prompt))
    assert [call.name for call in whole] == ["get_weather", "get_local_time"]
    assert whole[0].id != whole[1].id
    events = await streamed(client, prompt)
    finished = [event for event in events if isinstance(event, ToolCallFinished)]
    assert [event.call.name for event in finished] == ["get_weather", "get_local_time"]
    assert [event.index for event in finished] == [0, 1]


async def test_a_streamed_call_is_started_deltas_and_the_whole_call_again(client: RelayClient) -> None:
    events = await streamed(
        client, prompt_with("Hi", tools=(WEATHER,), tool_choice=REQUIRED, thinking=Thinking(effort="low"))
    )
    started, *content, finished = events
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert finished.finish_reason is FinishReason.TOOL_CALLS
    assert [event.sequence for event in events] == sorted({event.sequence for event in events})

    reasoning = [event for event in content if isinstance(event, ReasoningDelta)]
    called = content[len(reasoning) :]
    assert {event.index for event in reasoning} == {0}
    assert "".join(event.text for event in reasoning)
    assert reasoning[-1].signature
    assert_one_call(called, index=1)


def assert_one_call(deltas: list[Event], *, index: int) -> None:
    began, *pieces, ended = deltas
    assert isinstance(began, ToolCallStarted)
    assert isinstance(ended, ToolCallFinished)
    assert all(isinstance(piece, ToolCallDelta) for piece in pieces)
    arguments = "".join(piece.arguments for piece in pieces if isinstance(piece, ToolCallDelta))
    assert (began.id, began.name, arguments) == (ended.call.id, ended.call.name, ended.call.arguments_json)
    assert ended.arguments_valid
    assert {event.index for event in (began, *pieces, ended) if isinstance(event, OutputDelta)} == {index}


async def test_signed_reasoning_makes_the_round_trip_byte_for_byte(client: RelayClient) -> None:
    first = await client.process(prompt_with("Hi", thinking=Thinking(effort="low")))
    reasoning, text = first.parts
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.provider, text) == ("mock", TextPart(text=first.text))
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, parts=first.parts))
    assert "again" in (await client.process(prompt_with("again", history=history))).text


async def test_json_by_a_schema_is_answered_whole_and_streamed(client: RelayClient) -> None:
    wanted = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="city", schema_json=json.dumps(CITY), strict=True)
    prompt = prompt_with("Hi", response_format=wanted)
    jsonschema.validate(json.loads((await client.process(prompt)).text), CITY)
    events = await streamed(client, prompt)
    jsonschema.validate(json.loads("".join(event.text for event in events if isinstance(event, Delta))), CITY)


async def test_an_image_is_passed_on_byte_for_byte(client: RelayClient) -> None:
    image = Image(media_type="image/png", data=bytes(range(256)) * 100)
    assert "image/png, 25600 bytes" in (await client.process(prompt_with("Look", image))).text


async def test_an_image_over_the_limit_is_too_large(client: RelayClient) -> None:
    image = Image(media_type="image/png", data=bytes(20 * 2**20))
    with pytest.raises(TooLarge):
        await client.process(prompt_with("Look", image))


async def test_what_the_mock_cannot_do_is_unsupported_and_names_field_and_provider(client: RelayClient) -> None:
    tool = Tool(name="f", input_schema_json='{"type": "string", "pattern": "(a+)+$"}')
    with pytest.raises(Unsupported) as refused:
        await client.process(prompt_with("Hi", tools=(WEATHER, tool), tool_choice=ToolChoice(name="f")))
    assert refused.value.message.startswith("options.tools[1].input_schema_json: the mock ")
    assert "pattern" in refused.value.message


@pytest.mark.parametrize(
    ("query", "error"),
    [("fault=cut&after=2", ProviderProtocol), ("fault=malformed&after=1", ProviderProtocol)],
)
async def test_a_stream_that_breaks_within_a_call_is_an_error(
    client: RelayClient, query: str, error: type[RelayError]
) -> None:
    options = Options(tools=(WEATHER,), tool_choice=REQUIRED)
    prompt = Prompt(message="Hi", model=f"mock-model?{query}", options=options)
    seen: list[Event] = []
    with pytest.raises(error):
        await _gather(client, prompt, seen)
    assert not any(isinstance(event, ToolCallFinished | Finished) for event in seen)
    with pytest.raises(error):
        await client.process(prompt)


async def test_cancel_within_a_call_ends_the_stream_softly(client: RelayClient) -> None:
    options = Options(tools=(WEATHER,), tool_choice=REQUIRED)
    prompt = Prompt(message="Hi", model="mock-model?fault=hang_during&after=2", options=options, request_id="c-1")
    last: Event | None = None
    async for event in client.stream_process(prompt):
        if isinstance(event, ToolCallDelta):
            assert await client.cancel("c-1")
        last = event
    assert isinstance(last, Finished)
    assert last.finish_reason is FinishReason.CANCELLED


async def test_the_same_key_with_other_content_is_refused(client: RelayClient) -> None:
    image = Image(media_type="image/png", data=b"one")
    prompt = Prompt(message="Look", parts=(image,), request_id="k-1")
    first = await client.process(prompt)
    assert (await client.process(prompt)).text == first.text
    other = Prompt(message="Look", parts=(Image(media_type="image/png", data=b"two"),), request_id="k-1")
    with pytest.raises(InvalidRequest, match="request_id"):
        await client.process(other)
