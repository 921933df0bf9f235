"""Every rule of content broken, one at a time and together, over gRPC, HTTP, MCP and from Python.

Each refusal names the bad field by its name in that interface, and nothing is sent to the provider.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from google.protobuf.json_format import ParseError
from google.rpc import error_details_pb2, status_pb2
from mcp import Client

import server_a
from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest
from server_a.mcp_server import create_server
from tests.support.content_wire import process_request, wire_field
from tests.support.gateways import gateway
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving
from tests.support.wire import Wire, refusal, wire

pytestmark = pytest.mark.anyio

Fields = Mapping[str, Any]
MAX_NAMED = 20
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = {"tool_call": {"id": "c1", "name": "f", "arguments": {}}}
RESULT = {"tool_result": {"tool_call_id": "c1", "content": [{"text": "ok"}]}}
CALLED = [{"role": "user", "text": "Hi"}, {"role": "assistant", "parts": [CALL]}]
NESTED: Any = {"type": "object"}
for _ in range(32):
    NESTED = {"properties": {"a": NESTED}}


def image(**members: Any) -> Fields:
    return {"parts": [{"image": members}]}


def turn(role: str, *parts: Any, **members: Any) -> Fields:
    return {"history": [{"role": role, **({"parts": [*parts]} if parts else {}), **members}]}


def tool(**members: Any) -> Fields:
    return {"tools": [{**TOOL, **members}]}


BROKEN: dict[str, tuple[Fields, str]] = {
    # Schemas are JSON objects, of 64 KiB and 32 levels.
    "a schema that is a list": (tool(input_schema=[]), "tools[0].input_schema"),
    "a schema that is text": (tool(input_schema="object"), "tools[0].input_schema"),
    "a schema that is null within a list": (tool(input_schema=[None]), "tools[0].input_schema"),
    "a schema that is too large": (tool(input_schema={"description": "x" * 65_536}), "tools[0].input_schema"),
    "a schema that is too deep": (tool(input_schema=NESTED), "tools[0].input_schema"),
    "an answer's schema that is a number": (
        {"response_format": {"kind": "json_schema", "schema": 7}},
        "response_format.schema",
    ),
    "no schema": ({"response_format": {"kind": "json_schema"}}, "response_format.schema"),
    "one schema too many": ({"response_format": {"kind": "json", "schema": {}}}, "response_format.schema"),
    "a schema's bad name": (
        {"response_format": {"kind": "json_schema", "schema": {}, "name": "a b"}},
        "response_format.name",
    ),
    # Names of tools.
    "a name that is empty": (tool(name=""), "tools[0].name"),
    "a name with a blank": (tool(name="a b"), "tools[0].name"),
    "a name with a dot": (tool(name="a.b"), "tools[0].name"),
    "a name that is not ASCII": (tool(name="wetter_ä"), "tools[0].name"),
    "a name of 65 letters": (tool(name="x" * 65), "tools[0].name"),
    "a name with a newline at its end": (tool(name="f\n"), "tools[0].name"),
    "two tools with the same name": ({"tools": [TOOL, {**TOOL, "name": "g"}, TOOL]}, "tools[2].name"),
    # A tool choice that exists.
    "a choice of an unknown tool": ({"tools": [TOOL], "tool_choice": {"name": "g"}}, "tool_choice.name"),
    "a choice by name without tools": ({"tool_choice": {"name": "f"}}, "tool_choice.name"),
    "a choice that needs tools": ({"tool_choice": {"mode": "required"}}, "tool_choice.mode"),
    # Calls and results.
    "a result without a call": ({"parts": [RESULT]}, "parts[0].tool_result.tool_call_id"),
    "a result of another call": (
        {"history": CALLED, "parts": [{"tool_result": {"tool_call_id": "c2"}}, RESULT]},
        "parts[0].tool_result.tool_call_id",
    ),
    "a call answered twice": ({"history": CALLED, "parts": [RESULT, RESULT]}, "parts[1].tool_result.tool_call_id"),
    "a call that is not answered": ({"history": CALLED}, "history[1].parts[0].tool_call"),
    "one of two calls that is not answered": (
        {
            "history": [
                {"role": "assistant", "parts": [CALL, {"tool_call": {"id": "c2", "name": "f", "arguments": {}}}]}
            ],
            "parts": [RESULT],
        },
        "history[0].parts[1].tool_call",
    ),
    "a result a turn too late": (
        {"history": [*CALLED, {"role": "user", "text": "And?"}], "parts": [RESULT]},
        "parts[0].tool_result.tool_call_id",
    ),
    "two calls with one id": (
        {"history": [{"role": "assistant", "parts": [CALL, CALL]}], "parts": [RESULT]},
        "history[0].parts[1].tool_call.id",
    ),
    "a call with an empty id": (
        {"history": [{"role": "assistant", "parts": [{"tool_call": {"id": "", "name": "f", "arguments": {}}}]}]},
        "history[0].parts[0].tool_call.id",
    ),
    "a call of a bad name": (
        {"history": [{"role": "assistant", "parts": [{"tool_call": {"id": "c1", "name": "a b", "arguments": {}}}]}]},
        "history[0].parts[0].tool_call.name",
    ),
    "a call of the user": (turn("user", CALL), "history[0].parts[0].tool_call"),
    "a call in the current turn": ({"parts": [CALL]}, "parts[0].tool_call"),
    "a result of the assistant": (turn("assistant", RESULT), "history[0].parts[0].tool_result"),
    "reasoning of the user": (turn("user", {"reasoning": {"text": "hm"}}), "history[0].parts[0].reasoning"),
    "a refusal of the user": (turn("user", {"refusal": "No"}), "history[0].parts[0].refusal"),
    "empty reasoning": (turn("assistant", {"reasoning": {}}), "history[0].parts[0].reasoning"),
    "a result within a result": (
        {"history": CALLED, "parts": [{"tool_result": {"tool_call_id": "c1", "content": [{"image": {}}]}}]},
        "parts[0].tool_result.content[0].image",
    ),
    # Media types, data and URLs.
    "no media type": (image(data="AAAA"), "parts[0].image.media_type"),
    "a media type that is no image's": (image(data="AAAA", media_type="text/plain"), "parts[0].image.media_type"),
    "a media type with parameters": (image(data="AAAA", media_type="image/png; a=b"), "parts[0].image.media_type"),
    "a media type without a slash": (image(data="AAAA", media_type="png"), "parts[0].image.media_type"),
    "no data": (image(media_type="image/png"), "parts[0].image"),
    "data that is empty": (image(media_type="image/png", data=""), "parts[0].image"),
    "http": (image(url="http://example.com/a.png"), "parts[0].image.url"),
    "file": (image(url="file:///etc/passwd"), "parts[0].image.url"),
    "s3": (image(url="s3://bucket/a.png"), "parts[0].image.url"),
    "a URL with credentials": (image(url="https://me:secret@example.com/a.png"), "parts[0].image.url"),
    "a URL without a host": (image(url="https:///a.png"), "parts[0].image.url"),
    "a URL with a blank": (image(url="https://example.com/a b.png"), "parts[0].image.url"),
    "a document without data": (
        {"parts": [{"document": {"media_type": "application/pdf", "name": "a.pdf"}}]},
        "parts[0].document",
    ),
    "a document's name that is too long": (
        {"parts": [{"document": {"media_type": "application/pdf", "data": "AAAA", "name": "x" * 256}}]},
        "parts[0].document.name",
    ),
    # Text or parts, and not both; never empty.
    "text and parts": (turn("user", {"text": "Hi"}, text="Hi"), "history[0]"),
    "neither text nor parts": (turn("user", text=""), "history[0].text"),
    "a text part that is blank": ({"parts": [{"text": " "}]}, "parts[0].text"),
    "a text part that is empty": (turn("assistant", {"text": ""}), "history[0].parts[0].text"),
    "a part with NUL": ({"parts": [{"text": "a\0b"}]}, "parts[0].text"),
    # Tags, and the other options.
    "17 tags": ({"tags": {f"k{number}": "v" for number in range(17)}}, "tags"),
    "a tag's key that is empty": ({"tags": {"": "v"}}, "tags"),
    "a tag's key of 65 letters": ({"tags": {"k" * 65: "v"}}, "tags"),
    "a tag's value of 513 letters": ({"tags": {"k": "v" * 513}}, "tags"),
    "an unknown provider": ({"provider_options": {"azure": {}}}, "provider_options"),
    "a member that the relay writes": (
        {"provider_options": {"openai": {"model": "gpt-4o"}}},
        "provider_options.openai.model",
    ),
    "a limit of tokens": (
        {"provider_options": {"openai": {"max_completion_tokens": 9}}},
        "provider_options.openai.max_completion_tokens",
    ),
    "top_p above 1": ({"sampling": {"top_p": 1.5}}, "sampling.top_p"),
    "a stop that is empty": ({"sampling": {"stop": [""]}}, "sampling.stop"),
    "17 stops": ({"sampling": {"stop": ["a"] * 17}}, "sampling.stop"),
    "a penalty above 2": ({"sampling": {"presence_penalty": 2.1}}, "sampling.presence_penalty"),
    "thinking about nothing": ({"thinking": {}}, "thinking"),
    "thinking with no tokens": ({"thinking": {"max_tokens": 0}}, "thinking.max_tokens"),
    "a tier with a blank": ({"service_tier": "a b"}, "service_tier"),
    "an end user that is too long": ({"end_user": "x" * 257}, "end_user"),
}
IN_JSON_ALONE: dict[str, tuple[Fields, str]] = {
    "data that is not base64": (image(media_type="image/png", data="no base64!"), "parts[0].image.data"),
    "base64 without its padding": (image(media_type="image/png", data="AAA"), "parts[0].image.data"),
    "a data: URL without data": (image(url="data:image/png;base64,"), "parts[0].image.url"),
    "a data: URL of another type": (
        image(media_type="image/gif", url="data:image/png;base64,AAAA"),
        "parts[0].image.media_type",
    ),
    "a part with two members": ({"parts": [{"text": "a", "refusal": "b"}]}, "parts[0]"),
    "a part without members": ({"parts": [{}]}, "parts[0]"),
    "a part of an unknown kind": ({"parts": [{"video": {}}]}, "parts[0]"),
    "parts that are not a list": ({"parts": {"text": "a"}}, "parts"),
    "an unknown member": (tool(schema={}), "tools[0]"),
    "an unknown mode": ({"tools": [TOOL], "tool_choice": {"mode": "any"}}, "tool_choice.mode"),
    "an unknown kind": ({"response_format": {"kind": "xml"}}, "response_format.kind"),
    "duplicate arguments": (
        {
            "history": [
                {
                    "role": "assistant",
                    "parts": [{"tool_call": {"id": "c1", "name": "f", "arguments": {}, "arguments_text": "{}"}}],
                }
            ],
            "parts": [RESULT],
        },
        "history[0].parts[0].tool_call.arguments_text",
    ),
    "a cost that is negative": ({"max_cost_usd": -1}, "max_cost_usd"),
    "a cost that is not a number": ({"max_cost_usd": "a lot"}, "max_cost_usd"),
    "an absurd cost": ({"max_cost_usd": 1e30}, "max_cost_usd"),
    "a whole number with decimals": ({"sampling": {"seed": 1.5}}, "sampling.seed"),
    "a cache point without time": (
        {"parts": [{"cache_point": {"ttl_seconds": 0}}]},
        "parts[0].cache_point.ttl_seconds",
    ),
}
TOGETHER: Fields = {
    "message": " ",
    "temperature": 3,
    "history": [{"role": "assistant", "parts": [CALL, CALL]}],
    "parts": [{"image": {"media_type": "text/plain", "data": "AAAA"}}, {"text": " "}],
    "tools": [{"name": "a b", "input_schema": []}, TOOL, TOOL],
    "tool_choice": {"name": "g"},
    "response_format": {"kind": "json_schema", "schema": 7},
    "sampling": {"top_p": 2},
    "tags": {"": "v"},
    "provider_options": {"openai": {"n": 2}},
}
ALL = {
    *("message", "temperature", "parts[0].image.media_type", "parts[1].text", "tools[0].name"),
    *("history[0].parts[1].tool_call.id", "history[0].parts[1].tool_call"),
    *("tools[0].input_schema", "tools[2].name", "tool_choice.name", "response_format.schema", "sampling.top_p"),
    *("tags", "provider_options.openai.n"),
}


@dataclass(frozen=True)
class Doors:
    """The interfaces, and the provider that must not be called."""

    provider: ScriptedProvider
    grpc: Wire
    http: httpx2.AsyncClient
    mcp: Client


@pytest.fixture(scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    provider = ScriptedProvider()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("bad"))
        async with serving(provider) as server_b, wire(server_b.target) as stranger, gateway(server_b.target) as http:
            patch.setenv("SERVER_B_TARGET", server_b.target)
            async with Client(create_server().protocol) as mcp:
                yield Doors(provider, stranger, http, mcp)


async def over_grpc(doors: Doors, fields: Fields) -> set[str]:
    named = set()
    whole = process_request(fields)
    stream = pb.StreamProcessRequest.FromString(whole.SerializeToString())
    for call in (doors.grpc.whole("Process", whole), doors.grpc.stream(stream)):
        code, _, info, status = await refusal(call)
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        named = _violations(status)
    return named


def _violations(status: status_pb2.Status) -> set[str]:
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return {violation.field for violation in bad.field_violations}


async def over_http(doors: Doors, fields: Fields) -> set[str]:
    named = set()
    for path in ("/process", "/stream"):
        response = await doors.http.post(path, json=dict(fields))
        document = response.json()
        assert (response.status_code, document["reason"]) == (422, "INVALID_REQUEST")
        named = {error["field"] for error in document["errors"]}
        assert all(field in document["detail"] for field in named)
    return named


async def over_mcp(doors: Doors, fields: Fields) -> set[str]:
    named = set()
    for tool_name in ("send_message", "send_message_stream"):
        result = await doors.mcp.call_tool(tool_name, dict(fields))
        assert result.is_error
        assert result.meta is not None
        assert result.meta["reason"] == "INVALID_REQUEST"
        named = {violation["field"] for violation in result.meta["violations"]}
        assert all(field in result.content[0].text for field in named)  # type: ignore[union-attr]
    return named


async def from_python(_: Doors, fields: Fields) -> set[str]:
    with pytest.raises(InvalidRequest) as refused:
        await server_a.send_message(**{"message": "", **fields})
    with pytest.raises(InvalidRequest):
        await server_a.send_message_stream(**{"message": "", **fields})
    return {violation.field for violation in refused.value.violations}


WAYS: dict[str, Callable[[Doors, Fields], Any]] = {
    "grpc": over_grpc,
    "http": over_http,
    "mcp": over_mcp,
    "python": from_python,
}


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, way) for name in [*BROKEN, *IN_JSON_ALONE] for way in WAYS if way != "grpc" or name in BROKEN],
)
async def test_a_broken_rule_names_its_field(doors: Doors, name: str, way: str) -> None:
    fields, field = {**BROKEN, **IN_JSON_ALONE}[name]
    said = {"message": "Hi", **fields}
    named = await WAYS[way](doors, said)
    assert (wire_field(field) if way == "grpc" else field) in named
    assert doors.provider.tries == []


@pytest.mark.parametrize("way", WAYS)
async def test_rules_broken_together_are_named_together(doors: Doors, way: str) -> None:
    named = await WAYS[way](doors, TOGETHER)
    assert named == {wire_field(field) if way == "grpc" else field for field in ALL}
    assert doors.provider.tries == []


@pytest.mark.parametrize("way", WAYS)
async def test_the_number_of_named_fields_is_limited_to_what_an_error_can_carry(doors: Doors, way: str) -> None:
    bad = {"message": "Hi", "parts": [{"text": " "}] * 100, "tools": [{"name": "", "input_schema": []}] * 100}
    assert len(await WAYS[way](doors, bad)) == MAX_NAMED


GRPC_ALONE: dict[str, tuple[pb.ProcessRequest, str]] = {
    "a schema that is not JSON": (
        pb.ProcessRequest(message="Hi", options=pb.Options(tools=[pb.Tool(name="f", input_schema_json="{")])),
        "options.tools[0].input_schema_json",
    ),
    "a schema that is empty": (
        pb.ProcessRequest(message="Hi", options=pb.Options(tools=[pb.Tool(name="f")])),
        "options.tools[0].input_schema_json",
    ),
    "a part of no kind": (pb.ProcessRequest(message="Hi", parts=[pb.Part()]), "parts[0]"),
    "an unset role": (pb.ProcessRequest(message="Hi", history=[pb.Turn(text="a")]), "history[0].role"),
    "a data: URL": (
        pb.ProcessRequest(message="Hi", parts=[pb.Part(image=pb.Image(url="data:image/png;base64,AAAA"))]),
        "parts[0].image.url",
    ),
    "a result that is not JSON": (
        pb.ProcessRequest(
            parts=[pb.Part(tool_result=pb.ToolResult(tool_call_id="c1", structured_json="{"))],
            history=[
                pb.Turn(role=pb.ROLE_ASSISTANT, parts=[pb.Part(tool_call=pb.ToolCall(id="c1", name="f"))]),
            ],
        ),
        "parts[0].tool_result.structured_json",
    ),
    "options of a provider that are not an object": (
        pb.ProcessRequest(message="Hi", options=pb.Options(provider_options={"openai": "[]"})),
        "options.provider_options.openai",
    ),
    "a cost that is negative": (
        pb.ProcessRequest(message="Hi", options=pb.Options(max_cost_nano_usd=-1)),
        "options.max_cost_nano_usd",
    ),
}


@pytest.mark.parametrize("name", GRPC_ALONE)
async def test_faults_that_only_a_protobuf_message_can_express_are_refused_too(doors: Doors, name: str) -> None:
    request, field = GRPC_ALONE[name]
    code, _, info, status = await refusal(doors.grpc.whole("Process", request))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert field in _violations(status)
    assert doors.provider.tries == []


def test_the_table_can_be_expressed_over_grpc(tmp_path: Path) -> None:
    del tmp_path
    for name, (fields, _) in BROKEN.items():
        try:
            process_request(fields)
        except ParseError as error:
            raise AssertionError(name) from error


async def test_arguments_that_are_not_json_are_passed_on(doors: Doors) -> None:
    """They are the model's own: a caller gives them back as they arrived."""
    call = {"tool_call": {"id": "c1", "name": "f", "arguments_text": '{"a": '}}
    fields = {"history": [{"role": "assistant", "parts": [call]}], "parts": [RESULT], "message": ""}
    response = await doors.http.post("/process", json=fields)
    assert response.status_code == 200, json.dumps(response.json())
    (part,) = doors.provider.tries.pop().prompt.history[0].parts
    assert part.arguments_json == '{"a": '  # type: ignore[union-attr]
