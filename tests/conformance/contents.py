"""Tools, resources and prompts that return every kind of content."""

import asyncio
import base64
import json

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
"""A WAV file of one sample."""
STEP_S = 0.05
"""Pause between two notifications of one call."""


def text(content: str) -> TextContent:
    return TextContent(type="text", text=content)


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, mime_type: str, content: str) -> EmbeddedResource:
    resource = TextResourceContents(uri=uri, mime_type=mime_type, text=content)
    return EmbeddedResource(type="resource", resource=resource)


def add_tools(server: MCPServer) -> None:
    @server.tool(description="Simple text")
    def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description="Image content")
    def test_image_content() -> list[ImageContent]:
        return [image()]

    @server.tool(description="Audio content")
    def test_audio_content() -> list[AudioContent]:
        return [AudioContent(type="audio", data=WAV, mime_type="audio/wav")]

    @server.tool(description="Embedded resource")
    def test_embedded_resource() -> list[EmbeddedResource]:
        return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]

    @server.tool(description="Multiple content types")
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        document = '{"test": "data", "value": 123}'
        mixed = embedded("test://mixed-content-resource", "application/json", document)
        return [text("Multiple content types test:"), image(), mixed]

    @server.tool(description="Error handling")
    def test_error_handling() -> str:
        raise ToolError("This tool intentionally returns an error for testing")


def add_notifying_tools(server: MCPServer) -> None:
    @server.tool(description="Tool with logging")
    async def test_tool_with_logging(ctx: Context) -> str:
        for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(message)
            await asyncio.sleep(STEP_S)
        return "Tool with logging executed successfully"

    @server.tool(description="Logging tool")
    async def test_logging_tool(ctx: Context) -> str:
        await ctx.info("test_logging_tool ran")
        return "logged"

    @server.tool(description="Tool with progress")
    async def test_tool_with_progress(ctx: Context) -> str:
        for progress in (0, 50, 100):
            await ctx.report_progress(progress=progress, total=100, message=f"Completed step {progress} of 100")
            await asyncio.sleep(STEP_S)
        return str((ctx.request_context.meta or {}).get("progress_token", 0))

    @server.tool(description="Reconnection")
    async def test_reconnection(ctx: Context) -> str:
        await ctx.info("Before disconnect")
        await ctx.close_sse_stream()
        await asyncio.sleep(4 * STEP_S)  # the client reconnects during this time
        await ctx.info("After reconnect")
        return "Reconnection test completed"


def add_resources(server: MCPServer) -> None:
    @server.resource("test://static-text", description="Static text")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", description="Static binary")
    def static_binary() -> bytes:
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", description="Template")
    def template(id: str) -> str:  # noqa: A002 - the template's own name
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", description="Watched")
    def watched() -> str:
        return "Watched resource content"


def add_prompts(server: MCPServer) -> None:
    @server.prompt(description="Simple prompt")
    def test_simple_prompt() -> list[UserMessage]:
        return [UserMessage(text("This is a simple prompt for testing."))]

    @server.prompt(description="Prompt with arguments")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        return [UserMessage(text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]

    @server.prompt(description="Prompt with embedded resource")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        resource = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage(text("Please process the embedded resource above."))]

    @server.prompt(description="Prompt with image")
    def test_prompt_with_image() -> list[UserMessage]:
        return [UserMessage(image()), UserMessage(text("Please analyze the image above."))]
