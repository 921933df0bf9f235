"""`relay server-b`, `relay gateway` and `relay mcp`: each replaces itself with a program."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse has no public name for it


def add_to(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Adds the subcommands that run one program."""
    server_b = commands.add_parser(
        "server-b",
        parents=[common],
        help="run Server B, which holds the provider's keys, over gRPC",
        description="Runs Server B over gRPC, or its own MCP tools over stdio, SSE or HTTP. Its address, provider and"
        " keys are settings, such as GRPC_PORT=50052 relay server-b.",
    )
    server_b.add_argument(
        "mode",
        nargs="?",
        choices=("grpc", "stdio", "sse", "http"),
        default="grpc",
        help="what to serve: grpc (default), or MCP tools over stdio, or over SSE or HTTP on MCP_PORT_B",
    )
    server_b.set_defaults(run=lambda arguments: become("server_b", arguments.mode))

    gateway = commands.add_parser(
        "gateway",
        parents=[common],
        help="run the gateway: HTTP in front of Server B",
        description="Runs the gateway: HTTP in front of Server B. Its address and Server B's are settings, such as"
        " HTTP_PORT=9000 relay gateway.",
    )
    gateway.set_defaults(run=lambda _: become("gateway"))

    mcp = commands.add_parser(
        "mcp",
        parents=[common],
        help="run Server A, the MCP server that an assistant starts, over stdio",
        description="Runs Server A, an MCP server in front of Server B. Over stdio it ignores .env in the working"
        " folder, because an editor starts it in whatever folder is open.",
    )
    transport = mcp.add_mutually_exclusive_group()
    for name, help_ in (
        ("http", "serve over streamable HTTP, on MCP_PORT_A"),
        ("sse", "serve over SSE, on MCP_PORT_A"),
    ):
        transport.add_argument(f"--{name}", dest="transport", action="store_const", const=name, help=help_)
    mcp.set_defaults(run=lambda arguments: become("server_a", arguments.transport or "stdio"))


def become(module: str, *arguments: str) -> int:
    """Replaces this process by `python -P -m MODULE ARGUMENTS`; returns only on Windows, with its exit code."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    if os.name != "nt":
        os.execv(sys.executable, command)  # noqa: S606 - a module of ours
    return subprocess.call(command)  # noqa: S603 - on Windows, exec would end this process
