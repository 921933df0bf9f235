"""Bedrock's tool calls and reasoning, byte for byte, passed on over gRPC and HTTP and given back."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from tests.field.contents import WAYS, Content
from tests.field.events import END, GOOD, START, delta, event, message, metadata, stop, stream, text
from tests.field.field import Field
from tests.field.provider import Steps
from tests.field.wire import byte_by_byte, whole

pytestmark = pytest.mark.anyio

LETTERS = '{\n "id": 9007199254740993, "n":12345678901234567890123,\t"f": 1.10, "s":"\\u00e9/" }'
SIGNATURE = "EqQBCgIYAhIk+/=="
REDACTED = b"\x00\xff\x80"
HIDDEN = base64.b64encode(REDACTED).decode()
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"


def begins(index: int, call_id: str, name: str) -> bytes:
    start = {"toolUse": {"toolUseId": call_id, "name": name}}
    return event("contentBlockStart", {"contentBlockIndex": index, "start": start, "p": "ab"})


def arguments(index: int, fragment: str) -> bytes:
    return delta({"toolUse": {"input": fragment}}, index)


def ends(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


def reasoning(**members: str) -> bytes:
    return delta({"reasoningContent": members}, 0)


CALLED = stop("tool_use") + metadata()
ONE = [("c1", "look", '{"x":1}')]
TWO = [*ONE, ("c2", "find", "{}")]
CASES: Mapping[str, tuple[Steps, Content]] = {
    "two calls": (
        stream(
            START,
            *(begins(0, "c1", "look"), arguments(0, ""), arguments(0, '{"x"'), arguments(0, ":1}"), ends(0)),
            *(begins(1, "c2", "find"), arguments(1, "{}"), ends(1)),
            CALLED,
        ),
        Content(calls=TWO, finish="tool_calls"),
    ),
    "interleaved": (
        stream(
            START,
            *(begins(0, "c1", "look"), begins(1, "c2", "find"), arguments(1, "{"), arguments(0, '{"x"')),
            *(arguments(1, "}"), arguments(0, ":1}"), ends(1), ends(0)),
            CALLED,
        ),
        Content(calls=TWO, finish="tool_calls"),
    ),
    "no arguments": (
        stream(START, begins(0, "c2", "find"), arguments(0, ""), ends(0), CALLED),
        Content(calls=[TWO[1]], finish="tool_calls"),
    ),
    "no end of the block, and an end that says end_turn": (
        stream(START, begins(0, "c1", "look"), arguments(0, '{"x":1}'), stop("end_turn"), metadata()),
        Content(calls=ONE, finish="tool_calls"),
    ),
    "indices that begin at 5": (
        stream(START, text("Hi", 5), ends(5), begins(7, "c1", "look"), arguments(7, '{"x":1}'), ends(7), CALLED),
        Content("Hi", calls=ONE, finish="tool_calls"),
    ),
    "numbers exactly as written": (
        stream(START, begins(0, "c1", "look"), *(arguments(0, letter) for letter in LETTERS), ends(0), CALLED),
        Content(calls=[("c1", "look", LETTERS)], finish="tool_calls"),
    ),
    "a call byte by byte": (
        stream(*byte_by_byte(START + begins(0, "c1", "look") + arguments(0, '{"x":1}') + ends(0) + CALLED)),
        Content(calls=ONE, finish="tool_calls"),
    ),
    "a signature with empty text": (
        stream(START, reasoning(text=""), reasoning(signature=SIGNATURE), ends(0), text("Hi", 1), END),
        Content("Hi", signature=SIGNATURE.encode(), finish="stop"),
    ),
    "only a signature": (
        stream(START, reasoning(signature=SIGNATURE), ends(0), text("Hi", 1), END),
        Content("Hi", signature=SIGNATURE.encode(), finish="stop"),
    ),
    "reasoning and its signature": (
        stream(
            START,
            *(reasoning(text="h"), reasoning(text="m"), reasoning(signature=SIGNATURE), ends(0)),
            text("Hi", 1),
            END,
        ),
        Content("Hi", "hm", signature=SIGNATURE.encode(), finish="stop"),
    ),
    "redacted reasoning": (
        stream(START, reasoning(redactedContent=HIDDEN), ends(0), text("Hi", 1), END),
        Content("Hi", redacted=REDACTED, finish="stop"),
    ),
    "a refusal": (stream(START, text("No."), ends(0), stop("refusal"), metadata()), Content("No.", finish="refusal")),
    "a call that the model did not finish": (
        stream(START, begins(0, "c1", "look"), arguments(0, '{"x"'), ends(0), stop("malformed_tool_use"), metadata()),
        Content(calls=[("c1", "look", '{"x"')], finish="malformed_output"),
    ),
    "a whole answer with citations": (
        whole(message([{"text": "H"}, {"citationsContent": {"content": [{"text": "i"}], "citations": [{}]}}])),
        Content("Hi", finish="stop"),
    ),
    "a whole answer": (
        whole(
            message(
                [
                    {"reasoningContent": {"reasoningText": {"text": "", "signature": SIGNATURE}}},
                    {"text": "Hi"},
                    {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"x": 1}}},
                    {"toolUse": {"toolUseId": "c2", "name": "find", "input": {}}},
                ],
                "tool_use",
            )
        ),
        Content("Hi", calls=TWO, signature=SIGNATURE.encode(), finish="tool_calls"),
    ),
}


async def call_content(field: Field, way: str, name: str, steps: Steps, **more: Any) -> tuple[str, Content]:
    model = f"{MODEL}/{name} {way}".replace(" ", "-")
    field.provider.scripts[model] = (steps,)
    return model, await WAYS[way](field.client(way), {"message": "Hi", "model": model, **more})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
async def test_tool_calls_and_reasoning_of_bedrock_are_passed_on(bedrock: Field, name: str, way: str) -> None:
    steps, expected = CASES[name]
    _, answer = await call_content(bedrock, way, name, steps)
    answer.calls.sort()  # a stream reports interleaved calls as they end
    assert answer == expected


@pytest.mark.parametrize("said", ["hm", ""])
@pytest.mark.parametrize("way", WAYS)
async def test_signed_reasoning_goes_back_byte_for_byte(bedrock: Field, way: str, said: str) -> None:
    signature = base64.b64encode(SIGNATURE.encode()).decode()
    parts = [
        {"reasoning": {"text": said, "signature": signature, "provider": "bedrock"}},
        {"reasoning": {"redacted": HIDDEN, "provider": "bedrock"}},
        {"reasoning": {"text": "another's", "signature": signature, "provider": "openai"}},
        {"text": "Hi"},
    ]
    is_grpc = way.startswith("grpc")
    turns: list[tuple[str, dict[str, Any]]] = [("user", {"text": "Hi"}), ("assistant", {"parts": parts})]
    history = [{"role": f"ROLE_{role.upper()}" if is_grpc else role, **turn} for role, turn in turns]
    model, _ = await call_content(bedrock, way, f"back {said}", stream(GOOD), history=history)
    body = bedrock.provider.requests[model][-1].body
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": said, "signature": SIGNATURE}}},
        {"reasoningContent": {"redactedContent": HIDDEN}},
        {"text": "Hi"},
    ]
