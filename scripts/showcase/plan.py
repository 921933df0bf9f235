"""What the showcase starts and where, from the settings that the programs themselves will read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from gateway.settings import GatewaySettings
from llm_relay.program.startup import read_or_exit
from scripts.showcase.doors import Relay
from scripts.showcase.programs import Launch, StartError
from server_a.settings import ServerASettings
from server_b.settings import ServerBSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The programs, Server B first, and where they are reached."""

    launches: tuple[Launch, ...]
    relay: Relay

    @classmethod
    def read(cls, sse_port: int | None) -> Self:
        """Reads the environment and .env, or ends the program with one line for each bad setting.

        Raises StartError for settings under which they could not be asked.
        """
        b_settings = read_or_exit(ServerBSettings, "Server B")
        a_settings = read_or_exit(ServerASettings, "Server A")
        gateway_settings = read_or_exit(GatewaySettings, "gateway")
        if gateway_settings.serves_tls:
            raise StartError("it speaks plaintext to the HTTP servers: leave HTTP_TLS_CERT_FILE unset for it")
        if b_settings.tokens and not a_settings.dial.token:
            raise StartError("RELAY_TOKENS is set: set RELAY_TOKEN to one of its tokens, to be presented to all")
        server_b = _server_b(b_settings)
        # What is started here is dialled here, whatever port it has, unless a target was set on purpose.
        is_elsewhere = "server_b_target" in a_settings.model_fields_set
        dial = a_settings.dial if is_elsewhere else replace(a_settings.dial, target=server_b.address)
        gateway = _gateway(gateway_settings, dial.target)
        http_port = a_settings.mcp_port_a
        http = _server_a(a_settings, "http", http_port, "MCP_PORT_A", dial.target)
        sse = _server_a(a_settings, "sse", sse_port or http_port + 1, "--sse-port", dial.target)
        relay = Relay(
            dial=dial,
            http_url=f"http://{gateway.address}",
            mcp_http_url=f"http://{http.address}/mcp",
            mcp_sse_url=f"http://{sse.address}/sse",
        )
        return cls(launches=(server_b, gateway, http, sse), relay=relay)


def _server_b(settings: ServerBSettings) -> Launch:
    return Launch(
        name="Server B",
        arguments=("server_b", "grpc"),
        host=settings.grpc_host,
        port=settings.grpc_port,
        port_setting="GRPC_PORT",
    )


def _gateway(settings: GatewaySettings, target: str) -> Launch:
    return Launch(
        name="gateway",
        arguments=("gateway",),
        host=settings.http_host,
        port=settings.http_port,
        port_setting="HTTP_PORT",
        settings={"SERVER_B_TARGET": target},
    )


def _server_a(settings: ServerASettings, transport: str, port: int, port_setting: str, target: str) -> Launch:
    return Launch(
        name=f"Server A ({transport})",
        arguments=("server_a", transport),
        host=settings.mcp_host,
        port=port,
        port_setting=port_setting,
        settings={"SERVER_B_TARGET": target, "MCP_PORT_A": str(port)},
    )
