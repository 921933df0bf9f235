"""Checks that run before every method of every service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from grpc_status import rpc_status

from llm_relay.errors import RelayError
from llm_relay.trace_context import TraceContext, set_current_trace
from llm_relay.wire.errors import status_from_error
from server_b.authentication import Authenticator
from server_b.core.calls.record import Refused
from server_b.grpc_server.credentials import credentials_of

HEALTH_PREFIX = "/grpc.health.v1.Health/"

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class RequireToken(grpc.aio.ServerInterceptor):
    """Refuses callers without a valid token, for every method except health checks, even for unknown methods."""

    def __init__(self, authenticator: Authenticator, refused: Refused) -> None:
        """`refused` is called for each refusal, with the method's name."""
        self._authenticator = authenticator
        self._refused = refused

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        if not handler_call_details.method.startswith(HEALTH_PREFIX):
            try:
                await self._authenticator.authenticate(credentials_of(handler_call_details.invocation_metadata))
            except RelayError as error:
                set_current_trace(TraceContext.from_metadata(handler_call_details.invocation_metadata))
                self._refused(handler_call_details.method, error)
                return _refusing(error)
        return await continuation(handler_call_details)


def _refusing(error: RelayError) -> Handler:
    async def refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort_with_status(rpc_status.to_status(status_from_error(error)))

    # A stream handler can serve any method, because it answers without waiting for a message.
    return grpc.stream_stream_rpc_method_handler(refuse)
