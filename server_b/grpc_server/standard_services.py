"""Health and reflection, served by gRPC's own packages, with our own parsing of requests.

Those packages let gRPC parse the requests. gRPC reports malformed ones as UNKNOWN and logs a traceback, and anyone may
call health.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection_aio

from llm_relay.errors import Internal, RelayError
from llm_relay.program.logs.errors_without_text import class_and_place
from llm_relay.wire import codec
from llm_relay.wire.errors import aborting

REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"

Context = grpc.aio.ServicerContext[Any, Any]
Handlers = grpc.GenericRpcHandler

logger = logging.getLogger("relay")


def health_handlers(servicer: health.aio.HealthServicer) -> Handlers:
    """Returns the handlers of grpc.health.v1."""

    async def check(data: bytes, context: Context) -> Any:
        async with aborting(context, _report):
            return await servicer.Check(codec.parse(health_pb2.HealthCheckRequest, data), context)

    async def watch(data: bytes, context: Context) -> None:
        async with aborting(context, _report):
            await servicer.Watch(codec.parse(health_pb2.HealthCheckRequest, data), context)

    to_bytes = health_pb2.HealthCheckResponse.SerializeToString
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Check": grpc.unary_unary_rpc_method_handler(check, response_serializer=to_bytes),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, response_serializer=to_bytes),
    }
    return grpc.method_handlers_generic_handler(health.SERVICE_NAME, methods)


def reflection_handlers(service_names: list[str]) -> list[Handlers]:
    """Returns the handlers of grpc.reflection, v1alpha and v1: the same messages under two names."""
    servicer: Any = reflection_aio.ReflectionServicer([*service_names, reflection.SERVICE_NAME])

    async def info(requests: AsyncIterator[bytes], context: Context) -> None:
        async with aborting(context, _report):
            async for answer in servicer.ServerReflectionInfo(_parsed(requests), context):
                await context.write(answer)

    method: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        info, response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString
    )
    names = (reflection.SERVICE_NAME, REFLECTION_V1)
    return [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method}) for name in names]


async def _parsed(requests: AsyncIterator[bytes]) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    async for data in requests:
        yield codec.parse(reflection_pb2.ServerReflectionRequest, data)


def _report(error: Exception) -> RelayError:
    logger.error("unexpected %s", class_and_place(error))
    return Internal()
