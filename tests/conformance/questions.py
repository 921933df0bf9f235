"""Tools that ask their client something during a call: sampling and elicitation."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, MCPServer, Resolve
from mcp.shared.exceptions import MCPError
from mcp.types import MISSING_REQUIRED_CLIENT_CAPABILITY, SamplingMessage
from pydantic import BaseModel, Field, create_model

from tests.conformance.contents import text


class Answer(BaseModel):
    response: str = Field(description="User's response")


class Defaults(BaseModel):
    """A default for each primitive type."""

    name: str = Field("John Doe", description="User name")
    age: int = Field(30, description="User age")
    score: float = Field(95.5, description="User score")
    status: str = Field("active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = Field(True, description="Verification status")


def titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": name, "title": title} for name, title in titles.items()]


ENUMS: dict[str, tuple[type, dict[str, Any]]] = {
    "untitledSingle": (str, {"enum": ["active", "inactive", "pending"]}),
    "titledSingle": (str, {"oneOf": titled(low="Low Priority", high="High Priority")}),
    "untitledMulti": (list[str], {"items": {"type": "string", "enum": ["read", "write"]}}),
    "titledMulti": (list[str], {"items": {"anyOf": titled(bug="Bug Fix", docs="Documents")}}),
    "legacyEnum": (str, {"enum": ["small", "large"], "enumNames": ["Small Size", "Large Size"]}),
}
"""Every way to write an enum."""
FIELDS: Any = {name: (kind, Field(json_schema_extra=schema)) for name, (kind, schema) in ENUMS.items()}
Enums: type[BaseModel] = create_model("Enums", **FIELDS)


def add_question_tools(server: MCPServer) -> None:
    @server.tool(description="Sampling")
    async def test_sampling(prompt: str, ctx: Context) -> str:
        message = SamplingMessage(role="user", content=text(prompt))
        sampled = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
        return f"LLM response: {getattr(sampled.content, 'text', 'No response')}"

    async def asked(ctx: Context, message: str, schema: type[BaseModel]) -> str:
        answer: Any = await ctx.elicit(message=message, schema=schema)
        content = answer.data.model_dump_json() if answer.action == "accept" else "{}"
        return f"action={answer.action}, content={content}"

    @server.tool(description="Elicitation")
    async def test_elicitation(message: str, ctx: Context) -> str:
        return f"User response: {await asked(ctx, message, Answer)}"

    @server.tool(description="Elicitation sep1034 defaults")
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        return f"Elicitation result: {await asked(ctx, 'Please provide user information', Defaults)}"

    @server.tool(description="Elicitation sep1330 enums")
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        return f"Elicitation completed: {await asked(ctx, 'Please select values', Enums)}"


def add_stateless_tools(server: MCPServer) -> None:
    @server.tool(description="X mcp header")
    def test_x_mcp_header(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "<none>",
    ) -> str:
        return f"region={region}"

    @server.tool(description="Missing capability")
    def test_missing_capability(ctx: Context) -> str:
        capabilities = ctx.session.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool requires 'sampling'", needed)
        return "The client can sample."

    def ask() -> Elicit[Answer]:
        return Elicit("Say a word", Answer)

    @server.tool(description="Streaming elicitation")
    async def test_streaming_elicitation(answer: Annotated[ElicitationResult[Answer], Resolve(ask)]) -> str:
        return f"elicitation {answer.action}"

    @server.tool(description="Trigger tool change")
    async def test_trigger_tool_change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        return "tool list changed"

    @server.tool(description="Trigger prompt change")
    async def test_trigger_prompt_change(ctx: Context) -> str:
        await ctx.notify_prompts_changed()
        return "prompt list changed"
