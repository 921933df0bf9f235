"""Answers of the stand-ins that are more than text, as the official SDKs and their streaming helpers read them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageFunctionToolCall
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputRefusal

from tests.standins import BedrockStandIn, Call, OpenAIStandIn, Script
from tests.standins.bedrock import MODELS
from tests.standins.bedrock_blocks import SIGNATURE

pytestmark = pytest.mark.anyio

ONE, OTHER = Call(), Call(id="call_2", name="get_time", fragments=("{}",))
CALLING = Script(words=("Let ", "me see."), reasoning="I need both.", calls=(ONE, OTHER))
REFUSING = Script(words=(), refusal="I can't help with that.")
TOOL: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": ONE.name,
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "id": {"type": "integer"}},
            "required": ["city", "id"],
            "additionalProperties": False,
        },
    },
}
CALLED = [(call.id, call.name, call.arguments) for call in (ONE, OTHER)]


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIStandIn]:
    async with OpenAIStandIn() as standin:
        yield standin


@pytest.fixture
async def client(openai: OpenAIStandIn) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-any", base_url=openai.base_url, max_retries=0, timeout=60) as client:
        yield client


async def test_openais_sdk_reads_calls_whole(openai: OpenAIStandIn, client: AsyncOpenAI) -> None:
    openai.script = CALLING
    answer = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me see.")
    calls = [
        call for call in choice.message.tool_calls or [] if isinstance(call, ChatCompletionMessageFunctionToolCall)
    ]
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == CALLED


async def test_openais_streaming_helper_joins_calls(openai: OpenAIStandIn, client: AsyncOpenAI) -> None:
    openai.script = Script(words=("Let me see.",), calls=(ONE,))
    async with client.chat.completions.stream(
        model="gpt-4o", messages=[{"role": "user", "content": "Hi"}], tools=[TOOL]
    ) as stream:
        events = [event async for event in stream]
        answer = await stream.get_final_completion()
    deltas = [event.arguments_delta for event in events if event.type == "tool_calls.function.arguments.delta"]
    (done,) = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert "".join(deltas) == ONE.arguments
    assert (done.name, done.arguments) == (ONE.name, ONE.arguments)
    (call,) = answer.choices[0].message.tool_calls or []
    assert (call.id, call.function.parsed_arguments) == (ONE.id, json.loads(ONE.arguments))


async def test_openais_streaming_helper_joins_a_refusal(openai: OpenAIStandIn, client: AsyncOpenAI) -> None:
    openai.script = REFUSING
    async with client.chat.completions.stream(model="gpt-4o", messages=[{"role": "user", "content": "Hi"}]) as stream:
        kinds = [event.type async for event in stream]
        answer = await stream.get_final_completion()
    assert {"refusal.delta", "refusal.done"} <= set(kinds)
    assert answer.choices[0].message.refusal == REFUSING.refusal
    assert not answer.choices[0].message.content


async def test_openais_responses_helper_joins_calls(openai: OpenAIStandIn, client: AsyncOpenAI) -> None:
    openai.script = CALLING
    async with client.responses.stream(model="gpt-5", input="Hi") as stream:
        kinds = [event.type async for event in stream]
        response = await stream.get_final_response()
    assert kinds.count("response.function_call_arguments.delta") == len(ONE.fragments) + 1
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    calls = [item for item in response.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == CALLED


async def test_openais_responses_helper_joins_a_refusal(openai: OpenAIStandIn, client: AsyncOpenAI) -> None:
    openai.script = REFUSING
    async with client.responses.stream(model="gpt-4o", input="Hi") as stream:
        kinds = [event.type async for event in stream]
        (item,) = (await stream.get_final_response()).output
    assert "response.refusal.delta" in kinds
    assert isinstance(item, ResponseOutputMessage)
    assert isinstance(item.content[0], ResponseOutputRefusal)
    assert item.content[0].refusal == REFUSING.refusal


@pytest.fixture
async def bedrock() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn(CALLING) as standin:
        yield standin


async def test_boto3_reads_calls_whole(bedrock: BedrockStandIn) -> None:
    answer = await _asked(bedrock, "converse")
    *_, one, other = answer["output"]["message"]["content"]
    assert answer["stopReason"] == "tool_use"
    assert answer["output"]["message"]["content"][:2] == [
        {"reasoningContent": {"reasoningText": {"text": CALLING.reasoning, "signature": SIGNATURE}}},
        {"text": CALLING.text},
    ]
    for block, call in ((one, ONE), (other, OTHER)):
        expected = {"toolUseId": call.id, "name": call.name, "input": json.loads(call.arguments)}
        assert block == {"toolUse": expected}


async def test_boto3_reads_calls_in_a_stream(bedrock: BedrockStandIn) -> None:
    answer = await _asked(bedrock, "converse_stream")
    events = await asyncio.to_thread(list, answer["stream"])
    starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert [start["start"]["toolUse"] for start in starts] == [
        {"toolUseId": call.id, "name": call.name} for call in (ONE, OTHER)
    ]
    for start, call in zip(starts, (ONE, OTHER), strict=True):
        mine = [one["delta"] for one in deltas if one["contentBlockIndex"] == start["contentBlockIndex"]]
        assert "".join(delta["toolUse"]["input"] for delta in mine) == call.arguments
    assert {"messageStop": {"stopReason": "tool_use"}} in events


async def _asked(standin: BedrockStandIn, operation: str) -> Any:
    session = boto3.session.Session(aws_access_key_id="AKIAANY", aws_secret_access_key="any", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=60)
    client = session.client("bedrock-runtime", endpoint_url=standin.url, config=config)
    try:
        messages = [{"role": "user", "content": [{"text": "Hi"}]}]
        return await asyncio.to_thread(getattr(client, operation), modelId=MODELS[0], messages=messages)
    finally:
        if operation == "converse":
            client.close()
