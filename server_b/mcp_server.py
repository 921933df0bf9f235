"""The MCP server of Server B's tools."""

from __future__ import annotations

from llm_relay.caller_tokens import Caller
from llm_relay.documents import ConfigDocument, HealthDocument
from llm_relay.documents.accounts import IdentityDocument
from llm_relay.mcp.composition import McpTransport, serve_tools
from llm_relay.mcp.lookup_texts import config_text, health_text, identity_text
from llm_relay.mcp.message_tools import create_stream_tool, create_whole_tool
from llm_relay.mcp.tool import create_caller_tool, create_lookup_tool
from llm_relay.mcp.tool_server import ToolServer
from llm_relay.program.stop_signals import starting, stopping_signals
from server_b import tools
from server_b.authentication import Authenticator, Credentials
from server_b.composition import create_authenticator
from server_b.settings import ServerBSettings

INSTRUCTIONS = (
    "Asks the language model that this server is set up for. Use process_message_stream for long answers."
    " If a call fails, its text says why and what to do."
)
MODEL_NAMES = "get_provider_info shows the default model."


def create_server() -> ToolServer:
    """Returns the MCP server of Server B's tools."""
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
            create_caller_tool(
                tools.whoami,
                title="Who am I",
                description="Tells who you are to this server, and how much of your budgets is left.",
                document=IdentityDocument,
                text=identity_text,
            ),
        ],
        instructions=INSTRUCTIONS,
    )


async def serve_mcp(settings: ServerBSettings, transport: McpTransport) -> int:
    """Serves Server B's tools until stopped. Returns the exit code.

    Raises SettingsError or ValueError that names the setting if it must not, or cannot, be served.
    """
    signals = await stopping_signals()
    async with starting(signals):
        core = await tools.connect_core()  # a missing key stops the start, not the first call
    authenticator = create_authenticator(settings, core.ledger, host=settings.mcp_host)
    return await serve_tools(
        create_server(),
        transport,
        settings,
        signals,
        callers=_Callers(authenticator),
        has_tokens=authenticator.has_tokens,
        name="Server B",
        note=f", ledger {settings.ledger_place}",
        port=settings.mcp_port_b,
        port_setting="MCP_PORT_B",
    )


class _Callers:
    """Identifies callers with this process's own authenticator."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def caller(self, authorization: str | None) -> Caller:
        return Caller(await self._authenticator.authenticate(Credentials(authorization=authorization)))
