"""OpenAI's SDK as most programs use it, without asyncio, in front of the mock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from server_b.providers.mock.provider import MockProvider
from tests.gateway.openai.test_sdk import ASKED, HELLO, MODEL, PIXEL, WEATHER, City
from tests.support.gateways import gateway
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

Use = Callable[[OpenAI], None]
FUNCTION: Any = {"type": "function", **WEATHER["function"], "strict": None}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[OpenAI]:
    provider = MockProvider(delay_s=0, word_delay_s=0, faults_allowed=True)
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        with OpenAI(base_url=f"{http.base_url}/v1", api_key="none", max_retries=0) as client:
            yield client


def whole(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert "You said: 'Hello'" in (answer.choices[0].message.content or "")
    assert answer.usage is not None


def streamed(client: OpenAI) -> None:
    asked = client.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    with asked as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "You said: 'Hello'" in text
    assert chunks[-1].usage is not None


def raw(client: OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, store=True)
    assert answer.headers["x-relay-ignored"] == "store"
    assert answer.parse().choices[0].finish_reason == "stop"


def raw_stream(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(model=MODEL, messages=HELLO, stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert [*answer.iter_lines()][-2:] == ["data: [DONE]", ""]


def tools(client: OpenAI) -> None:
    first = client.chat.completions.create(model=MODEL, messages=[ASKED], tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or []
    history: Any = [
        ASKED,
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    second = client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
    assert "sunny" in (second.choices[0].message.content or "")


def helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=[ASKED], tools=[WEATHER]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= {*kinds}
    (call,) = final.choices[0].message.tool_calls or []
    assert call.function.name == "weather"


def parsed(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=City) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, City)


def image(client: OpenAI) -> None:
    content: Any = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert "image/png" in (answer.choices[0].message.content or "")


def response(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Hello", instructions="Be kind")
    assert "You said: 'Hello'" in answer.output_text
    events = list(client.responses.create(model=MODEL, input="Hello", stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


def response_helper(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input="How is the weather?", tools=[FUNCTION]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    (call,) = [item for item in final.output if item.type == "function_call"]
    items: Any = [
        {"role": "user", "content": "How is the weather?"},
        *(item.model_dump(exclude_none=True) for item in final.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    assert "sunny" in client.responses.create(model=MODEL, input=items, tools=[FUNCTION]).output_text


def response_parsed(client: OpenAI) -> None:
    assert isinstance(client.responses.parse(model=MODEL, input="Hello", text_format=City).output_parsed, City)
    with client.responses.stream(model=MODEL, input="Hello", text_format=City) as stream:
        assert isinstance(stream.get_final_response().output_parsed, City)


def response_image(client: OpenAI) -> None:
    content: Any = [{"type": "input_text", "text": "See"}, {"type": "input_image", "image_url": PIXEL}]
    answer = client.responses.create(model=MODEL, input=[{"role": "user", "content": content}])
    assert "image/png" in answer.output_text


def response_reasoning(client: OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input="My name is Ann", reasoning={"effort": "low"}, include=["reasoning.encrypted_content"]
    )
    assert [item.type for item in first.output] == ["reasoning", "message"]
    items: Any = [
        {"role": "user", "content": "My name is Ann"},
        *(item.model_dump(exclude_none=True) for item in first.output),
        {"role": "user", "content": "What is my name?"},
    ]
    assert client.responses.create(model=MODEL, input=items).output_text.endswith("Your name is Ann.")


def models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("a/b:c")


def failures(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=HELLO, n=2)
    assert refused.value.param == "n"
    with pytest.raises(openai.APIError, match="end"):
        list(client.chat.completions.create(model=f"{MODEL}?fault=cut&after=2", messages=HELLO, stream=True))
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model=f"{MODEL}?fault=hang", messages=HELLO, timeout=0.2)


@pytest.mark.parametrize(
    "use",
    [
        *(whole, streamed, raw, raw_stream, tools, helper, parsed, image),
        *(response, response_helper, response_parsed, response_image, response_reasoning, models, failures),
    ],
    ids=lambda use: use.__name__,
)
async def test_the_sdk_without_asyncio(client: OpenAI, use: Use) -> None:
    await asyncio.to_thread(use, client)
