"""A minimal server in place of Server A, for comparison: the MCP SDK's server, and a bare call to Server B.

`python -m scripts.benchmark.mcp_floor PORT SERVER_B_PORT`.
"""

from __future__ import annotations

import functools
import sys

import grpc
from mcp.server import MCPServer

from generated.relay.v1 import relay_pb2, relay_pb2_grpc

server = MCPServer("floor")


@functools.cache
def _server_b() -> relay_pb2_grpc.RelayServiceAsyncStub:
    return relay_pb2_grpc.RelayServiceStub(grpc.aio.insecure_channel(f"127.0.0.1:{sys.argv[2]}"))


@server.tool()
async def send_message(message: str, model: str) -> str:
    """Returns the answer's text."""
    response = await _server_b().Process(relay_pb2.ProcessRequest(message=message, model=model))
    return response.text


if __name__ == "__main__":
    server.run("streamable-http", port=int(sys.argv[1]))
