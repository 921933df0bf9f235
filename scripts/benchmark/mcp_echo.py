"""A minimal MCP SDK server, for comparison: `python -m scripts.benchmark.mcp_echo [PORT]`; stdio without PORT."""

from __future__ import annotations

import sys

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
async def echo(message: str) -> str:
    """Returns the message."""
    return message


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")
