"""Server B's tools as an MCP server offers them to models."""

from __future__ import annotations

from llm_relay.documents import ConfigDocument, HealthDocument
from llm_relay.mcp.composition import McpTransport, serve_tools
from llm_relay.mcp.lookup_texts import config_text, health_text
from llm_relay.mcp.message_tools import create_stream_tool, create_whole_tool
from llm_relay.mcp.tool import create_lookup_tool
from llm_relay.mcp.tool_server import ToolServer
from server_b import tools
from server_b.settings import ServerBSettings

INSTRUCTIONS = (
    "Asks the language model that this server is set up for. Use process_message_stream for long answers."
    " If a call fails, its text says why and what to do."
)
MODEL_NAMES = "get_provider_info shows the default model."


def create_server() -> ToolServer:
    """Makes the MCP server of Server B's tools."""
    return ToolServer(
        "Server B",
        [
            create_whole_tool("process_message", title="Process a message", hint=MODEL_NAMES, process=tools.process),
            create_stream_tool(
                "process_message_stream",
                title="Process a message, streamed",
                hint=MODEL_NAMES,
                stream_process=tools.stream_process,
            ),
            create_lookup_tool(
                tools.get_provider_info,
                title="Show the provider",
                description="Shows the provider, model, temperature and token limit of a message that names none.",
                document=ConfigDocument,
                text=config_text,
            ),
            create_lookup_tool(
                tools.health_check,
                title="Check health",
                description="Says whether this server and its provider are healthy or degraded.",
                document=HealthDocument,
                text=health_text,
            ),
        ],
        instructions=INSTRUCTIONS,
    )


async def serve_mcp(settings: ServerBSettings, transport: McpTransport) -> int:
    """Serves Server B's tools until told to stop; returns the exit code.

    Raises SettingsError or ValueError, naming the setting, for what must not or cannot be served.
    """
    await tools.connect()  # a missing key stops the start, not the first call
    return await serve_tools(
        create_server(), transport, settings, name="Server B", port=settings.mcp_port_b, port_setting="MCP_PORT_B"
    )
