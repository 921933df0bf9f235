"""More than text with a stand-in, whose answers match what boto3 reads, to the end of a loop of tool calls."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from llm_relay.errors import ProviderProtocol
from llm_relay.messages import (
    Answer,
    FinishReason,
    Options,
    Prompt,
    Reasoning,
    Role,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import BedrockStandIn, Fault, FaultKind, Script
from tests.support.bedrock_provider import bedrock
from tests.support.relayed import whole
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
ARGUMENTS = {"city": "Ōsaka", "id": 9007199254740993}
SIGNATURE = "EqQBCgIYAhIk+/=="
BLOCKS: tuple[dict[str, Any], ...] = (
    {"reasoningContent": {"reasoningText": {"text": "I need the weather.", "signature": SIGNATURE}}},
    {"reasoningContent": {"redactedContent": base64.b64encode(b"\0\xff").decode()}},
    {"text": "Let me look."},
    {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": ARGUMENTS}},
    {"toolUse": {"toolUseId": "tooluse_2", "name": "time", "input": {}}},
)
CALLING = Script(words=(), blocks=BLOCKS)
TOOLS = tuple(Tool(name=name, input_schema_json='{"type":"object"}') for name in ("weather", "time"))
OPTIONS = Options(tools=TOOLS, thinking=Thinking(max_tokens=1024))
PROMPT = Prompt(message="Weather?", model=MODEL, options=OPTIONS)


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture
async def provider(standin: BedrockStandIn) -> AsyncIterator[BedrockProvider]:
    provider = bedrock(standin.url)
    yield provider
    await provider.close()


def _expected(arguments: str) -> tuple[object, ...]:
    return (
        Reasoning(text="I need the weather.", signature=SIGNATURE.encode(), provider="bedrock"),
        Reasoning(redacted=b"\0\xff", provider="bedrock"),
        TextPart(text="Let me look."),
        ToolCall(id="tooluse_1", name="weather", arguments_json=arguments),
        ToolCall(id="tooluse_2", name="time", arguments_json="{}"),
    )


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_has_all_of_its_blocks_streamed_and_whole(
    standin: BedrockStandIn, provider: BedrockProvider, *, streams: bool
) -> None:
    standin.script, standin.streams = CALLING, streams
    answer = await whole(create_relay(provider), PROMPT)
    escaped = '{"city": "\\u014csaka", "id": 9007199254740993}'
    assert answer.parts == _expected(escaped if streams else '{"city":"Ōsaka","id":9007199254740993}')
    assert (answer.text, answer.finished.finish_reason) == ("Let me look.", FinishReason.TOOL_CALLS)


async def test_a_loop_of_tool_calls_gives_everything_back(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.script = CALLING
    relay = create_relay(provider)
    asked: Answer = await whole(relay, PROMPT)
    standin.script = Script()
    history = (Turn(role=Role.USER, text="Weather?"), Turn(role=Role.ASSISTANT, parts=asked.parts))
    results = (
        ToolResult(tool_call_id="tooluse_2", content=(TextPart(text="noon"),)),
        ToolResult(tool_call_id="tooluse_1", structured_json='{"sky": "clear"}'),
    )
    answer = await whole(relay, Prompt(model=MODEL, history=history, parts=results, options=OPTIONS))
    assert (answer.text, answer.finished.finish_reason) == ("Hello, wörld!", FinishReason.STOP)
    _, again = standin.requests
    assert again.body["messages"] == [
        {"role": "user", "content": [{"text": "Weather?"}]},
        {"role": "assistant", "content": [*BLOCKS]},
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "tooluse_2", "content": [{"text": "noon"}]}},
                {"toolResult": {"toolUseId": "tooluse_1", "content": [{"json": {"sky": "clear"}}]}},
            ],
        },
    ]


@pytest.mark.parametrize("kind", [FaultKind.NO_END, FaultKind.CUT])
async def test_a_cut_answer_of_calls_is_an_error(
    standin: BedrockStandIn, provider: BedrockProvider, kind: FaultKind
) -> None:
    words = ("a",) if kind is FaultKind.CUT else ()
    standin.script = Script(words=words, blocks=BLOCKS, fault=Fault(kind=kind, after=len(words)))
    with pytest.raises(ProviderProtocol):
        await whole(create_relay(provider), PROMPT)


async def test_boto3_reads_the_same_blocks(standin: BedrockStandIn) -> None:
    standin.script = CALLING
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "x"}
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=60)
    client = boto3.session.Session(region_name="us-east-1", **keys).client(
        "bedrock-runtime", endpoint_url=standin.url, config=config
    )
    messages = [{"role": "user", "content": [{"text": "Hi"}]}]

    def ask() -> tuple[Any, list[Any]]:
        answer = client.converse(modelId=MODEL, messages=messages)
        return answer, [*client.converse_stream(modelId=MODEL, messages=messages)["stream"]]

    answer, events = await asyncio.to_thread(ask)
    client.close()
    assert answer["stopReason"] == "tool_use"
    content = answer["output"]["message"]["content"]
    assert content[1] == {"reasoningContent": {"redactedContent": b"\0\xff"}}
    assert [content[0], *content[2:]] == [BLOCKS[0], *BLOCKS[2:]]
    starts = [event["contentBlockStart"] for event in events if "contentBlockStart" in event]
    assert [(start["contentBlockIndex"], start["start"]["toolUse"]["name"]) for start in starts] == [
        (3, "weather"),
        (4, "time"),
    ]
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    spoken = [delta["delta"] for delta in deltas if delta["contentBlockIndex"] == 0]
    assert spoken[-1] == {"reasoningContent": {"signature": SIGNATURE}}
