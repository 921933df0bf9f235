"""What the showcase starts and where, from the settings that the programs read."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Self

from gateway.settings import GatewaySettings
from llm_relay.addresses import same_port_fault
from llm_relay.program.startup import read_or_exit
from scripts.showcase.doors import Relay
from scripts.showcase.programs import Launch, StartError
from server_a.settings import ServerASettings
from server_b.settings import ServerBSettings

LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The programs, Server B first, and their addresses."""

    launches: tuple[Launch, ...]
    relay: Relay

    @classmethod
    def read(cls, sse_port: int | None) -> Self:
        """Reads the environment and .env, or exits with one line for each bad setting.

        Raises StartError for settings that the showcase cannot work with.
        """
        b_settings = read_or_exit(ServerBSettings, "Server B")
        a_settings = read_or_exit(ServerASettings, "Server A")
        gateway_settings = read_or_exit(GatewaySettings, "gateway")
        if gateway_settings.serves_tls:
            raise StartError(
                "HTTP_TLS_CERT_FILE: must be unset, because this script calls the HTTP servers in plaintext"
            )
        if b_settings.tokens and not a_settings.dial.token:
            raise StartError("RELAY_TOKEN: must be one of the tokens in RELAY_TOKENS")
        server_b, *others = _with_ports(
            _server_b(b_settings),
            _gateway(gateway_settings),
            _server_a(a_settings, "http", a_settings.mcp_port_a, "MCP_PORT_A"),
            _server_a(a_settings, "sse", _sse_port(sse_port, a_settings.mcp_port_a), "--sse-port"),
        )
        # Dial the Server B that is started here, whatever its port, unless a target was set explicitly.
        is_elsewhere = "server_b_target" in a_settings.model_fields_set
        dial = a_settings.dial if is_elsewhere else replace(a_settings.dial, target=server_b.address)
        gateway, http, sse = (replace(launch, settings={"SERVER_B_TARGET": dial.target}) for launch in others)
        relay = Relay(
            dial=dial,
            http_url=f"http://{gateway.address}",
            mcp_http_url=f"http://{http.address}/mcp",
            mcp_sse_url=f"http://{sse.address}/sse",
        )
        return cls(launches=(server_b, gateway, http, sse), relay=relay)


def _with_ports(*launches: Launch) -> list[Launch]:
    """Returns the launches with free ports in place of 0. Raises StartError if one cannot listen on its address."""
    if fault := same_port_fault(*((launch.host, launch.port, launch.port_setting) for launch in launches)):
        raise StartError(fault)
    with contextlib.ExitStack() as stack:  # all at once, so that each gets another port
        ports = [stack.enter_context(launch.listen()).getsockname()[1] for launch in launches]
    return [replace(launch, port=port) for launch, port in zip(launches, ports, strict=True)]


def _sse_port(given: int | None, http_port: int) -> int:
    """Returns the port of MCP over SSE; 0: any free port."""
    if given is not None:
        return given
    return http_port + 1 if 0 < http_port < LAST_PORT else 0


def _server_b(settings: ServerBSettings) -> Launch:
    return Launch(
        name="Server B",
        arguments=("server_b", "grpc"),
        host=settings.grpc_host,
        port=settings.grpc_port,
        host_setting="GRPC_HOST",
        port_setting="GRPC_PORT",
        port_variable="GRPC_PORT",
    )


def _gateway(settings: GatewaySettings) -> Launch:
    return Launch(
        name="gateway",
        arguments=("gateway",),
        host=settings.http_host,
        port=settings.http_port,
        host_setting="HTTP_HOST",
        port_setting="HTTP_PORT",
        port_variable="HTTP_PORT",
    )


def _server_a(settings: ServerASettings, transport: str, port: int, port_setting: str) -> Launch:
    return Launch(
        name=f"Server A ({transport})",
        arguments=("server_a", transport),
        host=settings.mcp_host,
        port=port,
        host_setting="MCP_HOST",
        port_setting=port_setting,
        port_variable="MCP_PORT_A",
    )
