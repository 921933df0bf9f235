"""Tool calls, reasoning and refusals as compatible servers send them, passed on over gRPC and HTTP."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.field.contents import WAYS, Content
from tests.field.field import Field
from tests.field.provider import Steps
from tests.field.wire import DONE, ROLE, chunk, completion, event, finish, stream, text, usage_event, whole, with_choice

pytestmark = pytest.mark.anyio

LETTERS = '{\n "id": 9007199254740993, "n":12345678901234567890123,\t"f": 1.10, "e": 1E2, "s":"\\u00e9/" }'
"""Arguments that a parser would change: spacing, the form of numbers, digits beyond 64 bits, escapes."""
TWO = [("c1", "look", '{"x":1}'), ("c2", "find", "{}")]
TOOLS = {"tools": [{"name": name, "input_schema": {"type": "object"}} for name in ("look", "find")]}
GRPC_TOOLS = {"options": {"tools": [{"name": name, "input_schema_json": "{}"} for name in ("look", "find")]}}


def part(arguments: object = None, name: str | None = None, call_id: object = None, **more: Any) -> dict[str, Any]:
    """Makes a fragment of a call."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**({} if call_id is None else {"id": call_id}), "type": "function", "function": function, **more}


def calling(*fragments: object, **more: object) -> bytes:
    """Writes the event of a delta with fragments of calls."""
    return event(chunk({"tool_calls": [*fragments], **more}))


def message(**members: object) -> Steps:
    """Answers with this whole message."""
    choice = {"index": 0, "message": {"role": "assistant", **members}, "finish_reason": "stop"}
    return whole(with_choice(choice))


def says(delta: dict[str, object], *rest: bytes) -> Steps:
    """Answers with a stream of one delta and an end."""
    return stream(ROLE, event(chunk(delta)), *(rest or (finish(), DONE)))


ONCE_MORE = [part('{"x":1}', "look", "c1"), part("{}", "find", "c2")]
WITHOUT_IDS = [part('{"x":1}', "look"), part("{}", "find")]
CALLED = finish("tool_calls") + usage_event() + DONE
CALLS: Mapping[str, Steps] = {
    "parallel calls that all say index 0": stream(
        calling(part('{"x":1}', "look", "c1", index=0)), calling(part("{}", "find", "c2", index=0)), CALLED
    ),
    "parallel calls that all say index 0, in fragments": stream(
        calling(part("", "look", "c1", index=0)),
        calling(part('{"x"', index=0)),
        calling(part(":1}", index=0)),
        calling(part("", "find", "c2", index=0)),
        calling(part("{}", index=0)),
        CALLED,
    ),
    "no index": stream(
        calling(part('{"x"', "look", "c1")), calling(part(":1}")), calling(part("{}", "find", "c2")), CALLED
    ),
    "the id only in the first fragment, then null and empty ids": stream(
        calling(part("", "look", "c1", index=0)),
        calling(part('{"x"', "", "", index=0)),
        event(chunk({"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": ":1}"}}]})),
        calling(part(None, "find", "c2", index=1)),
        CALLED,
    ),
    "interleaved": stream(
        calling(part("", "look", "c1", index=0), part("", "find", "c2", index=1)),
        calling(part("{", index=1), part('{"x"', index=0)),
        calling(part(":1}", index=0), part("}", index=1)),
        CALLED,
    ),
    "empty and null arguments": stream(
        calling(part('{"x":1}', "look", "c1", index=0)), calling(part(None, "find", "c2", index=1)), CALLED
    ),
    "arguments as objects": stream(
        calling(part({"x": 1}, "look", "c1", index=0), part({}, "find", "c2", index=1)), CALLED
    ),
    "a whole call in one chunk, with its end": stream(
        event(chunk({"tool_calls": [part('{"x":1}', "look", "c1"), part("{}", "find", "c2")]}, "tool_calls")), DONE
    ),
    "an end with the reason stop": stream(
        calling(part('{"x":1}', "look", "c1", index=0), part("{}", "find", "c2", index=1)), finish("stop"), DONE
    ),
    "no finish_reason, but the end mark": stream(
        calling(part('{"x":1}', "look", "c1", index=0), part("{}", "find", "c2", index=1)), DONE
    ),
    "an index as text": stream(
        calling(part('{"x"', "look", "c1", index="0")),
        calling(part(":1}", index="0")),
        calling(part("{}", "find", "c2", index="1")),
        CALLED,
    ),
    "the name in each fragment": stream(
        calling(part('{"x"', "look", "c1", index=0)),
        calling(part(":1}", "look", "c1", index=0)),
        calling(part("{", "find", "c2", index=1)),
        calling(part("}", "find", "c2", index=1)),
        CALLED,
    ),
    "a new id in each fragment": stream(
        calling(part('{"x"', "look", "c1", index=0)),
        calling(part(":1}", "look", "chatcmpl-tool-9", index=0)),
        calling(part("{}", "find", "c2", index=1)),
        CALLED,
    ),
    "all calls repeated at the end": stream(
        calling(part('{"x":1}', "look", "c1", index=0), part("{}", "find", "c2", index=1)),
        event(with_choice({"index": 0, "message": {"tool_calls": ONCE_MORE}, "finish_reason": "tool_calls"})),
    ),
    "all calls repeated at the end, without ids": stream(
        calling(part('{"x":1}', "look", "c1", index=0), part("{}", "find", "c2", index=1)),
        event(with_choice({"index": 0, "message": {"tool_calls": WITHOUT_IDS}, "finish_reason": "tool_calls"})),
    ),
    "null content with calls": message(
        content=None, refusal=None, tool_calls=[part('{"x":1}', "look", "c1"), part("{}", "find", "c2")]
    ),
    "whole, with objects": message(tool_calls=[part({"x": 1}, "look", "c1"), part({}, "find", "c2")]),
    "parts of the content": message(
        content=[
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"x": 1}},
            {"type": "tool_use", "id": "c2", "name": "find", "input": {}},
        ]
    ),
}
SAID: Mapping[str, tuple[Steps, Content]] = {
    "numbers exactly as written": (
        stream(calling(part(LETTERS[:40], "look", "c1", index=0)), calling(part(LETTERS[40:], index=0)), CALLED),
        Content(calls=[("c1", "look", LETTERS)], finish="tool_calls"),
    ),
    "numbers exactly as written, whole": (
        message(content=None, tool_calls=[part(LETTERS, "look", "c1")]),
        Content(calls=[("c1", "look", LETTERS)], finish="tool_calls"),
    ),
    "arguments that are not JSON": (
        stream(calling(part('{"x": ', "look", "c1", index=0)), CALLED),
        Content(calls=[("c1", "look", '{"x": ')], finish="tool_calls"),
    ),
    "text before a call": (
        stream(text("Let me see."), calling(part("{}", "find", "c2")), CALLED),
        Content(text="Let me see.", calls=[("c2", "find", "{}")], finish="tool_calls"),
    ),
    "no calls beside text": (
        says({"content": "Hi", "tool_calls": [], "function_call": None}),
        Content(text="Hi", finish="stop"),
    ),
    "null calls beside text": (
        says({"content": "Hi", "tool_calls": None}),
        Content(text="Hi", finish="stop"),
    ),
    "a refusal": (says({"content": None, "refusal": "I can't."}), Content(refusal="I can't.", finish="refusal")),
    "a refusal as a part": (
        says({"content": [{"type": "refusal", "refusal": "I can't."}]}),
        Content(refusal="I can't.", finish="refusal"),
    ),
    "a refusal, whole": (message(content=None, refusal="I can't."), Content(refusal="I can't.", finish="refusal")),
    "reasoning": (says({"reasoning": "hm", "content": "Hi"}), Content("Hi", "hm", finish="stop")),
    "reasoning_content": (says({"reasoning_content": "hm", "content": "Hi"}), Content("Hi", "hm", finish="stop")),
    "reasoning only in details": (
        says({"reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}], "content": "Hi"}),
        Content("Hi", "hm", finish="stop"),
    ),
    "reasoning twice": (
        says({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}], "content": "Hi"}),
        Content("Hi", "hm", finish="stop"),
    ),
    "thinking as a part": (
        says({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, text("Hi"), CALLED),
        Content("Hi", "hm", finish="tool_calls"),
    ),
    "thinking as a part with a signature, whole": (
        message(content=[{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hi"}]),
        Content("Hi", "hm", finish="stop"),
    ),
    "everything repeated at the end": (
        stream(
            event(chunk({"reasoning_content": "hm"})),
            text("Hi"),
            event(
                with_choice(
                    {"index": 0, "message": {"content": "Hi", "reasoning_content": "hm"}, "finish_reason": "stop"}
                )
            ),
        ),
        Content("Hi", "hm", finish="stop"),
    ),
    "plain text": (whole(completion("Hi")), Content("Hi", finish="stop")),
}


async def call_content(field: Field, way: str, name: str, steps: Steps) -> Content:
    model = f"content {name} {way}".replace(" ", "-")
    field.provider.scripts[model] = (steps,)
    more = GRPC_TOOLS if way.startswith("grpc") else TOOLS
    return await WAYS[way](field.client(way), {"message": "Hi", "model": model, **more})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLS)
async def test_tool_calls_are_passed_on_separately(openai: Field, name: str, way: str) -> None:
    assert await call_content(openai, way, name, CALLS[name]) == Content(calls=TWO, finish="tool_calls")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SAID)
async def test_reasoning_and_refusals_are_passed_on(openai: Field, name: str, way: str) -> None:
    steps, expected = SAID[name]
    assert await call_content(openai, way, name, steps) == expected


OWN_IDS: Mapping[str, Steps] = {
    "no ids": stream(calling(part('{"x":1}', "look", index=0)), calling(part("{}", "find", index=1)), CALLED),
    "empty ids, index 0": stream(
        calling(part('{"x":1}', "look", "", index=0)), calling(part("{}", "find", "", index=0)), CALLED
    ),
    "one id": stream(calling(part('{"x":1}', "look", "c", index=0)), calling(part("{}", "find", "c", index=1)), CALLED),
    "ids as numbers": stream(
        calling(part('{"x":1}', "look", 0, index=0)), calling(part("{}", "find", 1, index=1)), CALLED
    ),
    "whole, with one id": message(tool_calls=[part('{"x":1}', "look", "c"), part("{}", "find", "c")]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OWN_IDS)
async def test_every_call_has_a_unique_id(openai: Field, name: str, way: str) -> None:
    answer = await call_content(openai, way, name, OWN_IDS[name])
    (one, *first), (other, *second) = answer.calls
    assert (first, second) == (["look", '{"x":1}'], ["find", "{}"])
    assert "" != one != other != ""


async def test_the_older_function_call_is_a_call(openai: Field) -> None:
    steps = stream(
        event(chunk({"function_call": {"name": "look", "arguments": '{"x"'}})),
        event(chunk({"function_call": {"arguments": ":1}"}})),
        finish("function_call"),
        DONE,
    )
    answer = await call_content(openai, "grpc-stream", "older", steps)
    assert [call[1:] for call in answer.calls] == [("look", '{"x":1}')]
    assert answer.finish == "tool_calls"
