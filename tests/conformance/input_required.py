"""Tools that reply with a question and are called again with its answer (revision 2026-07-28)."""

import json
from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
)

from tests.conformance.contents import text


def question(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(prompt: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def required(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def said(responses: Mapping[str, Any] | None, request: str, name: str) -> Any:
    """Returns what the client filled into a form, or None if it declined."""
    content = getattr((responses or {}).get(request), "content", None)
    return content.get(name) if isinstance(content, dict) else None


Result = str | InputRequiredResult
NAME = "What is your name?"


def add_one_question_tools(server: MCPServer) -> None:
    @server.tool(description="Input required result elicitation")
    async def test_input_required_result_elicitation(ctx: Context) -> Result:
        name = said(ctx.input_responses, "user_name", "name")
        return f"Hello, {name}!" if name is not None else required(user_name=question(NAME, "name"))

    @server.tool(description="Input required result sampling")
    async def test_input_required_result_sampling(ctx: Context) -> Result:
        sampled = (ctx.input_responses or {}).get("capital_question")
        if sampled is None:
            return required(capital_question=sampling("What is the capital of France?"))
        return f"Model said: {getattr(getattr(sampled, 'content', None), 'text', '?')}"

    @server.tool(description="Input required result list roots")
    async def test_input_required_result_list_roots(ctx: Context) -> Result:
        listed = (ctx.input_responses or {}).get("client_roots")
        if listed is None:
            return required(client_roots=ListRootsRequest())
        return f"The client has {len(getattr(listed, 'roots', ()))} roots."


def add_several_question_tools(server: MCPServer) -> None:
    @server.tool(description="Input required result multiple inputs")
    async def test_input_required_result_multiple_inputs(ctx: Context) -> Result:
        if {"user_name", "greeting", "client_roots"} <= (ctx.input_responses or {}).keys():
            return "All inputs received."
        name, greeting = question(NAME, "name"), sampling("Generate a greeting")
        return required("several", user_name=name, greeting=greeting, client_roots=ListRootsRequest())

    @server.tool(description="Input required result capabilities")
    async def test_input_required_result_capabilities(ctx: Context) -> InputRequiredResult:
        can = ctx.client_capabilities
        requests: dict[str, InputRequest] = {}
        if can is None or can.sampling is not None:
            requests["sample"] = sampling("Say hello")
        if can is None or can.elicitation is not None:
            requests["ask"] = question(NAME, "name")
        return required("as the client can", **requests)


def add_prompt(server: MCPServer) -> None:
    @server.prompt(description="Input required result prompt")
    async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | InputRequiredResult:
        context = said(ctx.input_responses, "user_context", "context")
        if context is None:
            return required(user_context=question("What context should the prompt use?", "context"))
        return [UserMessage(text(f"Use the following context: {context}"))]


def add_state_tools(server: MCPServer) -> None:
    @server.tool(description="Input required result request state")
    async def test_input_required_result_request_state(ctx: Context) -> Result:
        if ctx.input_responses and "confirm" in ctx.input_responses and ctx.request_state == "nonce":
            return "state-ok: confirmation received"
        return required("nonce", confirm=question("Please confirm", "ok", "boolean"))

    @server.tool(description="Input required result tampered state")
    async def test_input_required_result_tampered_state(ctx: Context) -> Result:
        if ctx.request_state is None:
            return required("round-1", confirm=question("Please confirm", "ok", "boolean"))
        return f"state-ok: {ctx.request_state}"

    @server.tool(description="Input required result multi round")
    async def test_input_required_result_multi_round(ctx: Context) -> Result:
        state = json.loads(ctx.request_state or "{}")
        name, color = said(ctx.input_responses, "step1", "name"), said(ctx.input_responses, "step2", "color")
        if state.get("round") == 1 and name is not None:
            again = json.dumps({"round": 2, "name": name})
            return required(again, step2=question("Step 2: What is your favorite color?", "color"))
        if state.get("round") == 2 and color is not None:
            return f"{state['name']} likes {color}."
        return required(json.dumps({"round": 1}), step1=question("Step 1: What is your name?", "name"))
