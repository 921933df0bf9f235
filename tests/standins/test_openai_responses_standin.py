"""OpenAI's SDK accepts the stand-in's Responses API."""

from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseErrorEvent, ResponseFunctionToolCall, ResponseReasoningItem

from tests.standins import Fault, FaultKind, OpenAIStandIn, Script, Usage
from tests.standins.openai_responses import call_item, message_item, reasoning_item

pytestmark = pytest.mark.anyio

OUTPUT = (
    reasoning_item("First this", "Then that", encrypted="gAAAA+/="),
    message_item("I look"),
    call_item("weather", '{"city": "Ulm"}'),
)


@pytest.fixture
async def standin() -> AsyncIterator[OpenAIStandIn]:
    async with OpenAIStandIn() as standin:
        yield standin


@pytest.fixture
async def client(standin: OpenAIStandIn) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-any", base_url=standin.base_url, max_retries=0, timeout=60) as client:
        yield client


async def test_the_sdk_joins_a_streamed_response(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.output = OUTPUT
    standin.script = Script(usage=Usage(cache_read_tokens=5, reasoning_tokens=2))
    async with client.responses.stream(model="gpt-5", input="Hi") as stream:
        kinds = [event.type async for event in stream]
        response = await stream.get_final_response()
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == "response.completed"
    thought, _, call = response.output
    assert isinstance(thought, ResponseReasoningItem)
    assert thought.encrypted_content == "gAAAA+/="
    assert [part.text for part in thought.summary] == ["First this", "Then that"]
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.call_id, call.arguments) == ("call_1", '{"city": "Ulm"}')
    assert response.output_text == "I look"
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == 5


async def test_the_sdk_reads_a_whole_response(client: AsyncOpenAI) -> None:
    response = await client.responses.create(model="gpt-4o", input="Hi")
    assert (response.status, response.output_text) == ("completed", "Hello, wörld!")


async def test_the_sdk_sees_a_failure_during_the_stream(standin: OpenAIStandIn, client: AsyncOpenAI) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.ERROR_EVENT, after=2))
    text = ""
    async for event in await client.responses.create(model="gpt-4o", input="Hi", stream=True):
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert text == "Hello, "
    assert isinstance(event, ResponseErrorEvent)
    assert "server had an error" in event.message


async def test_a_model_may_answer_only_there(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="only supported in v1/responses"):
        await client.chat.completions.create(model="codex-1", messages=[{"role": "user", "content": "Hi"}])
    assert (await client.responses.create(model="codex-1", input="Hi")).output_text == "Hello, wörld!"
