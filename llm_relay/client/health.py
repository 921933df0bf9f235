"""Checks whether Server B accepts calls, as load balancers do: with grpc.health.v1, which needs no token."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from llm_relay.client.channel import SERVICE, Dial
from llm_relay.client.connection import Connection
from llm_relay.errors import ServerBUnavailable
from llm_relay.wire.errors import error_from_call


async def check_health(dial: Dial, *, timeout_s: float) -> None:
    """Returns if Server B accepts calls. Raises ServerBUnavailable if it does not, or does not reply in `timeout_s`."""
    connection: Connection[Any] = Connection(dial, health_pb2_grpc.HealthStub)
    try:
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        response = await connection.stub().Check(request, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        cause = error_from_call(error).message
        raise ServerBUnavailable(
            f"Server B at {dial.target} does not accept calls: {cause}; `relay check` shows what is wrong"
        ) from error
    finally:
        await connection.close()
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        raise ServerBUnavailable(f"Server B at {dial.target} accepts no calls: it is starting or stopping")
