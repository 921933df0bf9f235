"""The MCP server that offers Server A's tools to models."""

from __future__ import annotations

from llm_relay.documents import ConfigDocument, HealthDocument, ModelsDocument
from llm_relay.documents.accounts import IdentityDocument
from llm_relay.mcp.lookup_texts import config_text, health_text, identity_text, models_text
from llm_relay.mcp.message_tools import create_stream_tool, create_whole_tool
from llm_relay.mcp.tool import create_caller_tool, create_lookup_tool
from llm_relay.mcp.tool_server import ToolServer
from server_a import tools

INSTRUCTIONS = (
    "Asks a language model through Server B, which holds the keys. Use send_message_stream for long answers."
    " If a call fails, its text says why and what to do."
)
MODEL_NAMES = "Model names: list_available_models."


def create_server() -> ToolServer:
    """Returns the MCP server of Server A's tools."""
    return ToolServer(
        "Server A",
        [
            create_whole_tool("send_message", title="Send a message", hint=MODEL_NAMES, process=tools.process),
            create_stream_tool(
                "send_message_stream",
                title="Send a message, streamed",
                hint=MODEL_NAMES,
                stream_process=tools.stream_process,
            ),
            create_lookup_tool(
                tools.check_server_b_health,
                title="Check Server B",
                description="Says whether Server B and its provider are healthy, degraded or unhealthy.",
                document=HealthDocument,
                text=health_text,
            ),
            create_caller_tool(
                tools.list_available_models,
                title="List models",
                description="Lists the models that a message can be sent to, and the default.",
                document=ModelsDocument,
                text=models_text,
                asks_provider=True,
            ),
            create_caller_tool(
                tools.get_server_b_config,
                title="Show Server B's defaults",
                description="Shows the default provider, model, temperature and token limit of a message.",
                document=ConfigDocument,
                text=config_text,
            ),
            create_caller_tool(
                tools.whoami,
                title="Who am I",
                description="Shows your name at Server B, and how much of your budgets is left.",
                document=IdentityDocument,
                text=identity_text,
            ),
        ],
        instructions=INSTRUCTIONS,
    )
