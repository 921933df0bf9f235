"""The checks of Open Responses' compliance test (openresponses.org), with the members that its schemas require."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import jsonschema
import pytest

from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

COUNT: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
TEXT: dict[str, Any] = {"type": "string"}
FLAG: dict[str, Any] = {"type": "boolean"}


def either(*types: str) -> dict[str, Any]:
    return {"type": [*types, "null"]}


def members(**wanted: Any) -> dict[str, Any]:
    """Returns the schema of an object that has all of these members."""
    return {"type": "object", "properties": wanted, "required": [*wanted]}


STATUS = {"enum": ["in_progress", "completed", "incomplete"]}
OUTPUT_TEXT = members(type={"const": "output_text"}, text=TEXT, annotations={"type": "array"})
MESSAGE = members(
    type={"const": "message"}, id=TEXT, status=STATUS, role=TEXT, content={"type": "array", "items": OUTPUT_TEXT}
)
CALL = members(type={"const": "function_call"}, id=TEXT, call_id=TEXT, name=TEXT, arguments=TEXT, status=STATUS)
ITEM = {"oneOf": [MESSAGE, CALL]}
USAGE = members(
    input_tokens=COUNT,
    output_tokens=COUNT,
    total_tokens=COUNT,
    input_tokens_details=members(cached_tokens=COUNT),
    output_tokens_details=members(reasoning_tokens=COUNT),
)
TOOL = members(
    type={"const": "function"},
    name=TEXT,
    description=either("string"),
    parameters=either("object"),
    strict=either("boolean"),
)
RESPONSE = members(
    id=TEXT,
    object={"const": "response"},
    created_at=COUNT,
    completed_at=either("integer"),
    status=TEXT,
    incomplete_details=either("object"),
    model=TEXT,
    previous_response_id=either("string"),
    instructions=either("string"),
    output={"type": "array", "items": ITEM},
    error=either("object"),
    tools={"type": "array", "items": TOOL},
    tool_choice={"anyOf": [{"enum": ["none", "auto", "required"]}, members(type={"const": "function"}, name=TEXT)]},
    truncation={"enum": ["auto", "disabled"]},
    parallel_tool_calls=FLAG,
    text=members(format=members(type=TEXT)),
    top_p=NUMBER,
    presence_penalty=NUMBER,
    frequency_penalty=NUMBER,
    top_logprobs=COUNT,
    temperature=NUMBER,
    reasoning={"anyOf": [{"type": "null"}, members(effort=either("string"), summary=either("string"))]},
    usage={"anyOf": [{"type": "null"}, USAGE]},
    max_output_tokens=either("integer"),
    max_tool_calls=either("integer"),
    store=FLAG,
    background=FLAG,
    service_tier=TEXT,
    metadata={"type": "object"},
    safety_identifier=either("string"),
    prompt_cache_key=either("string"),
)
PLACE = {"item_id": TEXT, "output_index": COUNT}
PART = {**PLACE, "content_index": COUNT}
EVENTS: dict[str, dict[str, Any]] = {
    "response.created": {"response": RESPONSE},
    "response.in_progress": {"response": RESPONSE},
    "response.output_item.added": {"output_index": COUNT, "item": ITEM},
    "response.content_part.added": {**PART, "part": OUTPUT_TEXT},
    "response.output_text.delta": {**PART, "delta": TEXT},
    "response.output_text.done": {**PART, "text": TEXT},
    "response.content_part.done": {**PART, "part": OUTPUT_TEXT},
    "response.function_call_arguments.delta": {**PLACE, "delta": TEXT},
    "response.function_call_arguments.done": {**PLACE, "arguments": TEXT},
    "response.output_item.done": {"output_index": COUNT, "item": ITEM},
    "response.completed": {"response": RESPONSE},
}
OF_TEXT = [name for name in EVENTS if "function_call" not in name]
OF_A_CALL = [name for name in EVENTS if "content_part" not in name and "text" not in name]
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": members(location=TEXT),
}
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003"
        "860180a5e29ab90000000049454e44ae426082"
    )
).decode()
SEEN = [
    {"type": "input_text", "text": "What do you see in this image? Answer in one sentence."},
    {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
]


def says(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content, **more}


HELLO = [says("Say hello in exactly 3 words.")]
COUNTING = [says("Count from 1 to 5.")]
PIRATE = [says("You are a pirate. Always respond in pirate speak.", "system"), says("Say hello.")]
ASKED = [says("What's the weather like in San Francisco?")]
TURNS = [says("My name is Alice."), says("Hello Alice! Nice to meet you.", "assistant"), says("What is my name?")]
PHASES = [TURNS[0], {**TURNS[1], "phase": "final_answer"}, TURNS[2]]


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        yield client


@pytest.mark.parametrize(
    ("given", "tools", "told"),
    [
        (HELLO, [], "exactly 3 words"),
        (PIRATE, [], "Say hello."),
        (ASKED, [WEATHER], "get_weather"),
        ([says(SEEN)], [], "image/png"),
        (TURNS, [], "Alice"),
        (PHASES, [], "Alice"),
    ],
)
async def test_a_whole_response_has_every_member(
    http: httpx2.AsyncClient, given: list[Any], tools: list[Any], told: str
) -> None:
    answer = await http.post("/v1/responses", json={"model": "m", "input": given, "tools": tools, "stream": False})
    assert answer.status_code == 200
    document = answer.json()
    jsonschema.validate(document, RESPONSE)
    assert document["status"] == "completed"
    assert document["completed_at"] >= document["created_at"]
    (item,) = document["output"]
    assert told in (item["name"] if tools else item["content"][0]["text"])


@pytest.mark.parametrize(
    ("given", "tools", "kinds"), [(COUNTING, [], OF_TEXT), (ASKED, [WEATHER], OF_A_CALL)], ids=["text", "call"]
)
async def test_every_event_of_a_stream_has_its_members_in_order(
    http: httpx2.AsyncClient, given: list[Any], tools: list[Any], kinds: list[str]
) -> None:
    answer = await http.post("/v1/responses", json={"model": "m", "input": given, "tools": tools, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [*_events(answer.text)]
    assert [*dict.fromkeys(event["type"] for event in events)] == kinds
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    for event in events:
        jsonschema.validate(event, members(type=TEXT, sequence_number=COUNT, **EVENTS[event["type"]]))
    response = events[-1]["response"]
    assert response["status"] == "completed"
    (item,) = response["output"]
    if tools:
        assert "location" in json.loads(item["arguments"])
    else:
        assert "1, 2, 3, 4, 5" in item["content"][0]["text"]


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
