"""Tools in a namespace, as Codex sends them: one function for the provider, a name and a namespace for the client."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.errors import BadParam
from gateway.openai.namespaces import joined_name
from gateway.openai.request.refused_members import refuse_unsupported
from gateway.openai.responses.prompt import refuse_stateful, responses_prompt
from llm_relay.messages import Prompt, ToolCall
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

FUNCTION = {"type": "function", "name": "spawn", "description": "Starts one", "parameters": {"type": "object"}}
AGENTS = {"type": "namespace", "name": "agents", "description": "Sub-agents", "tools": [FUNCTION]}
PLAIN = {"type": "function", "name": "spawn"}


def body(**members: Any) -> dict[str, Any]:
    return {"model": "mock-model", "input": "Please spawn one", "tools": [AGENTS], **members}


def prompt(**members: Any) -> Prompt:
    document = body(**members)
    refuse_stateful(document)
    return responses_prompt(ResponsesBody.model_validate(document), "r-1").prompt


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        yield client


def test_the_provider_sees_functions_that_describe_their_namespace() -> None:
    one, other = prompt(tools=[AGENTS, PLAIN]).options.tools
    assert (one.name, one.description) == ("agents__spawn", "Sub-agents\n\nStarts one")
    assert (other.name, other.description) == ("spawn", "")


def test_an_earlier_call_has_the_name_that_the_provider_knows() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "spawn", "namespace": "agents", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "ok", "name": "spawn", "namespace": "agents"}
    asked = prompt(input=[{"role": "user", "content": "Go"}, call, result])
    assert asked.history[1].parts == (ToolCall(id="c", name="agents__spawn", arguments_json="{}"),)


def test_a_tool_choice_may_omit_the_namespace() -> None:
    for choice in ({"name": "spawn"}, {"name": "spawn", "namespace": "agents"}):
        chosen = prompt(tool_choice={"type": "function", **choice}).options.tool_choice
        assert chosen is not None
        assert chosen.name == "agents__spawn"


def test_names_are_never_too_long_and_always_distinct() -> None:
    assert joined_name("mcp__files__", "read") == "mcp__files__read"
    assert joined_name(None, "read") == joined_name("", "read") == "read"
    names = {joined_name("n" * 60, f"{letter}long") for letter in "ab"}
    assert {len(name) for name in names} == {64}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("tools", "param", "told"),
    [
        ([{**AGENTS, "tools": [FUNCTION, {"type": "custom", "name": "x"}]}], "tools[0].tools[1].type", "function"),
        ([{**AGENTS, "tools": [AGENTS]}], "tools[0].tools[0].type", "function"),
        ([{**AGENTS, "name": ""}], "tools[0].name", "tools[0].name: must not be empty"),
        ([{"type": "namespace", "name": "a"}], "tools[0].tools", "required"),
        ([{**AGENTS, "name": "bad name"}], "tools[0].tools[0].name", "A-Z"),
        ([PLAIN, {**AGENTS, "tools": [FUNCTION, FUNCTION]}], "tools[1].tools[1].name", "tools[1].tools[0].name too"),
        ([AGENTS, {"type": "function", "name": "agents__spawn"}], "tools[1].name", "tools[0].tools[0].name too"),
        ([AGENTS, {"type": "web_search"}], "tools[1].type", "turn the others off"),
    ],
)
async def test_tools_that_cannot_be_called_are_refused_by_their_position(
    http: httpx2.AsyncClient, tools: list[Any], param: str, told: str
) -> None:
    answer = await http.post("/v1/responses", json=body(tools=tools))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert told in error["message"]


def test_a_chat_completion_has_no_namespaces() -> None:
    with pytest.raises(BadParam, match=r"tools\[0\]\.type"):
        refuse_unsupported({"tools": [AGENTS]})


async def test_a_call_is_returned_with_its_namespace_whole_and_streamed(http: httpx2.AsyncClient) -> None:
    asked = body(tools=[PLAIN, AGENTS], tool_choice={"type": "function", "name": "spawn", "namespace": "agents"})
    whole = (await http.post("/v1/responses", json=asked)).json()
    (item,) = whole["output"]
    assert (item["name"], item["namespace"]) == ("spawn", "agents")
    assert whole["tools"][1]["tools"][0]["name"] == "spawn"

    text = (await http.post("/v1/responses", json={**asked, "stream": True})).text
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    told = [
        one for one in events if "function_call" in str(one.get("item", "")) or one["type"].endswith("arguments.done")
    ]
    assert [one["type"] for one in told] == [
        "response.output_item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert told[1]["name"] == "spawn"
    assert {(one["item"]["name"], one["item"]["namespace"]) for one in (told[0], told[2])} == {("spawn", "agents")}
