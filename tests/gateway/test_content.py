"""Answers that are more than text: tool calls, reasoning and refusals, whole and streamed."""

import itertools

import httpx2
import orjson
import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece, RefusalPiece
from tests.support.gateways import gateway, server_sent_events
from tests.support.scripted import OPENING, USAGE, ScriptedProvider
from tests.support.serving import serving
from tests.support.sse_client import data_of

pytestmark = pytest.mark.anyio

ARGUMENTS = '{\n  "id": 12345678901234567890, "at": 1.0e2,\r\n  "id2": 9007199254740993}'
"""Arguments that a parser would change: spacing, the form of a number, and a number beyond 64 bits."""
SCRIPT = (
    OPENING,
    ReasoningPiece(index=0, text="hm", id="block-1"),
    ReasoningPiece(index=0, signature=b"\x00\xff"),
    Text("Let me see. ", index=1),
    CallStarted(index=2, id="call-1", name="get_weather"),
    CallArguments(index=2, arguments=ARGUMENTS[:9]),
    CallArguments(index=2, arguments=ARGUMENTS[9:]),
    CallFinished(index=2),
    RefusalPiece(index=3, text="No."),
    Ending(FinishReason.TOOL_CALLS, USAGE),
)
TOOLS = {"tools": [{"name": "get_weather", "description": "", "input_schema": {"type": "object"}}]}


async def post_prompt(route: str) -> httpx2.Response:
    async with serving(ScriptedProvider(SCRIPT)) as server_b, gateway(server_b.target) as client:
        return await client.post(route, json={"message": "Hi", **TOOLS})


async def test_a_whole_answer_has_its_parts_in_order_and_arguments_as_they_were_written() -> None:
    response = await post_prompt("/process")
    document = response.json()
    assert document["aiResponse"] == "Let me see. "
    assert document["finishReason"] == "tool_calls"
    assert [name for part in document["parts"] for name in part] == ["reasoning", "text", "tool_call", "refusal"]
    assert f'"arguments":{ARGUMENTS}' in response.text


async def test_each_event_of_a_stream_has_its_name_its_number_and_its_document() -> None:
    *events, finish, done = server_sent_events((await post_prompt("/stream")).text)
    # Fragments that gather before they are sent are one event.
    assert [name for name, _ in itertools.groupby(event.get("event", "") for event in events)] == [
        "reasoning", "", "tool_call_started", "tool_call_delta", "tool_call_finished", "refusal",
    ]  # fmt: skip
    numbers = [int(event["id"]) for event in events]
    assert numbers == sorted(set(numbers))
    reasoning = [orjson.loads(event["data"]) for event in events if event.get("event") == "reasoning"]
    assert "".join(one["content"] for one in reasoning) == "hm"
    assert (reasoning[0]["id"], reasoning[-1]["signature"]) == ("block-1", "AP8=")
    (started,) = [event for event in events if event.get("event") == "tool_call_started"]
    assert orjson.loads(started["data"]) == {"index": 2, "id": "call-1", "name": "get_weather"}
    assert orjson.loads(events[-1]["data"]) == {"index": 3, "content": "No."}
    assert (finish["event"], done) == ("finish", {"data": "[DONE]"})


async def test_arguments_of_several_lines_are_several_lines_of_one_event() -> None:
    text = (await post_prompt("/stream")).text
    assert "\r" not in text
    deltas = "".join(orjson.loads(data)["arguments"] for data in data_of(text, "tool_call_delta"))
    (finished,) = data_of(text, "tool_call_finished")
    assert deltas == ARGUMENTS
    assert orjson.loads(finished)["arguments_valid"] is True
    assert f'"arguments":{ARGUMENTS.replace(chr(13), "")}' in finished


async def test_server_bs_refusals_name_the_field_as_the_request_has_it() -> None:
    schema = Unsupported.of_field("options.tools[0].input_schema_json", "not supported by scripted")
    async with serving(ScriptedProvider((schema,))) as server_b, gateway(server_b.target) as client:
        response = await client.post("/process", json={"message": "Hi", **TOOLS})
    problem = response.json()
    assert (response.status_code, problem["reason"]) == (501, "UNSUPPORTED")
    assert problem["errors"] == [{"field": "tools[0].input_schema", "detail": "not supported by scripted"}]
    assert problem["detail"] == "tools[0].input_schema: not supported by scripted"
