"""OpenAI's own SDK in front of the mock: every member that it reads of an answer is there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from pydantic import BaseModel

from server_b.providers.base import Text
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.scripted import OPENING, End, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

MODEL = "mock-model"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO: Any = [{"role": "user", "content": "Hello"}]
ASKED: Any = {"role": "user", "content": "How is the weather?"}
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class City(BaseModel):
    """A model that an answer is parsed into."""

    name: str
    people: int


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[AsyncOpenAI]:
    provider = MockProvider(delay_s=0, word_delay_s=0, faults_allowed=True)
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


async def test_a_whole_completion(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=HELLO)
    assert "You said: 'Hello'" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_streamed_completion_with_its_usage(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    assert isinstance(stream, AsyncStream)
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "You said: 'Hello'" in text
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None


async def test_the_headers_can_be_read(client: AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, store=True)
    assert raw.headers["x-relay-ignored"] == "store"
    assert raw.headers["x-request-id"]
    assert raw.parse().id.startswith("chatcmpl-")


async def test_a_loop_of_tool_calls(client: AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model=MODEL, messages=[ASKED], tools=[WEATHER])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    history: Any = [ASKED, message.model_dump(exclude_none=True), result]
    second = await client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
    assert "sunny" in (second.choices[0].message.content or "")


async def test_the_streaming_helper_sees_a_whole_tool_call(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=[ASKED], tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls
    assert calls[0].function.name == "weather"
    assert calls[0].function.arguments == '{"city":""}'


async def test_an_answer_is_parsed_into_a_model(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


async def test_an_image_reaches_the_provider(client: AsyncOpenAI) -> None:
    content: Any = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert "image/png" in (answer.choices[0].message.content or "")


async def test_a_whole_response(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model=MODEL, input="Hello", instructions="Be kind")
    assert "You said: 'Hello'" in response.output_text
    assert response.status == "completed"
    assert response.usage is not None


async def test_a_streamed_response_and_its_helper(client: AsyncOpenAI) -> None:
    async with client.responses.stream(model=MODEL, input="Hello") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert "You said: 'Hello'" in final.output_text


async def test_a_response_calls_a_function_and_takes_its_output(client: AsyncOpenAI) -> None:
    tool: Any = {"type": "function", **WEATHER["function"], "strict": None}
    first = await client.responses.create(model=MODEL, input="How is the weather?", tools=[tool])
    (call,) = [item for item in first.output if item.type == "function_call"]
    items: Any = [
        {"role": "user", "content": "How is the weather?"},
        *(item.model_dump(exclude_none=True) for item in first.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    second = await client.responses.create(model=MODEL, input=items, tools=[tool])
    assert "sunny" in second.output_text


async def test_models_are_listed_and_retrieved(client: AsyncOpenAI) -> None:
    assert [model.id async for model in await client.models.list()] == [MODEL]
    assert (await client.models.retrieve(MODEL)).owned_by == "mock"


async def test_a_models_id_may_have_slashes_and_colons() -> None:
    name = "vendor/model:1"
    provider = ScriptedProvider()
    provider.default_model = name
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client,
    ):
        assert (await client.models.retrieve(name)).id == name


@pytest.mark.parametrize(
    ("members", "error", "param"),
    [
        ({"n": 2}, openai.BadRequestError, "n"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"model": f"{MODEL}?fault=unknown_model"}, openai.NotFoundError, None),
        ({"model": f"{MODEL}?fault=rate_limit&retry_after=600"}, openai.RateLimitError, None),
        ({"model": f"{MODEL}?fault=auth"}, openai.InternalServerError, None),
    ],
)
async def test_errors_have_their_class(
    client: AsyncOpenAI, members: dict[str, Any], error: type[openai.APIStatusError], param: str | None
) -> None:
    with pytest.raises(error) as raised:
        await client.chat.completions.create(**{"model": MODEL, "messages": HELLO, **members})
    assert raised.value.param == param


async def test_a_failure_during_a_stream_is_raised(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model=f"{MODEL}?fault=cut&after=2", messages=HELLO, stream=True)
    assert isinstance(stream, AsyncStream)
    with pytest.raises(openai.APIError, match="end"):
        async for _ in stream:
            pass
    events = [
        event
        async for event in await client.responses.create(model=f"{MODEL}?fault=cut&after=2", input="Hello", stream=True)
    ]
    assert events[-1].type == "response.failed"


async def test_a_wrong_token_is_an_authentication_error() -> None:
    async with (
        serving(MockProvider(delay_s=0)) as server_b,
        gateway(server_b.target, relay_tokens="ann:right") as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="wrong", max_retries=0) as client,
    ):
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_the_paths_work_without_their_prefix(client: AsyncOpenAI, prefix: str) -> None:
    base = str(client.base_url).removesuffix("/v1/")
    async with httpx2.AsyncClient(base_url=base, trust_env=False) as http:
        body = {"model": MODEL, "messages": HELLO}
        assert (await http.post(f"{prefix}/chat/completions", json=body)).json()["object"] == "chat.completion"
        answer = await http.post(f"{prefix}/responses", json={"model": MODEL, "input": "Hi"})
        assert answer.json()["object"] == "response"
        assert (await http.get(f"{prefix}/models/{MODEL}")).json()["id"] == MODEL
        assert (await http.get(f"{prefix}/models")).json()["object"] == "list"


async def test_a_client_that_leaves_stops_the_provider() -> None:
    provider = ScriptedProvider((OPENING, Text("Hi"), asyncio.Event()))
    async with (
        serving(provider) as server_b,
        gateway(server_b.target) as http,
        AsyncOpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client,
    ):
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        assert isinstance(stream, AsyncStream)
        await provider.until_waiting()
        await stream.close()
        assert await provider.until_ended() is End.ABORTED
