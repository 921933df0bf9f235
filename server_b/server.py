"""Server B's gRPC server: what stands around a call, in order, and how it drains."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection_aio

from server_b.interceptors import RequireToken
from server_b.relay import Relay
from server_b.servicer import DEFAULT_STALL_S, RelayServicer, method_handlers
from transport.channel import DEFAULT_MAX_MESSAGE_BYTES, SERVICE
from transport.credentials import ServerCertificates
from transport.tokens import Tokens

REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
DEFAULT_NOTICE_S = 1.0
"""How long load balancers get to see NOT_SERVING before the port closes."""

HEALTH_PATIENCE_S = 1.0


class Server:
    """A gRPC server of one Relay, with health and reflection; `start` it, then `drain` it."""

    def __init__(
        self,
        relay: Relay,
        *,
        tokens: Tokens,
        certificates: ServerCertificates | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        stall_s: float = DEFAULT_STALL_S,
    ) -> None:
        """`certificates` None: plaintext. `stall_s`: how long a caller may take no data, in seconds."""
        self._relay = relay
        self._certificates = certificates
        self._grpc = grpc.aio.server(
            interceptors=[RequireToken(tokens)] if tokens else [], options=_options(max_message_bytes)
        )
        self._grpc.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    SERVICE, method_handlers(RelayServicer(relay, tokens, stall_s=stall_s))
                )
            ]
        )
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        _add_reflection(self._grpc)

    async def start(self, host: str, port: int) -> int:
        """Listens on host:port (0: any free port) and serves; returns the port. Raises OSError if it is taken."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._certificates is None:
                bound = self._grpc.add_insecure_port(address)
            else:
                bound = self._grpc.add_secure_port(address, self._certificates.credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        await self._grpc.start()
        await self._health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        return bound

    async def drain(self, grace_s: float, *, notice_s: float = DEFAULT_NOTICE_S) -> None:
        """Stops without losing a call: NOT_SERVING, new calls refused as DRAINING, running ones end within the grace.

        `grace_s` and `notice_s` are seconds; cancelling the task ends the grace at once.
        """
        self._relay.drain()
        try:
            await self._show_not_serving()
            await asyncio.gather(asyncio.sleep(min(notice_s, grace_s)), self._relay.wait_idle(grace_s))
        finally:
            await self._relay.wait_idle(0)
            # Calls that were aborted still have their status to send.
            await self._grpc.stop(min(1.0, grace_s))

    async def _show_not_serving(self) -> None:
        # A watcher that takes no data holds the health servicer's lock.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEALTH_PATIENCE_S):
                await self._health.enter_graceful_shutdown()


def _options(max_message_bytes: int) -> list[tuple[str, Any]]:
    return [
        # A second server on the same port is a mistake, not a second worker.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # A caller that froze or vanished is noticed within 5 s; callers may ping as often as RelayClient does.
        ("grpc.keepalive_time_ms", 2_000),
        ("grpc.http2.ping_timeout_ms", 2_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        # So that clients behind a name find servers that came later; running streams are never cut.
        ("grpc.max_connection_age_ms", 600_000),
    ]


def _add_reflection(server: grpc.aio.Server) -> None:
    servicer = reflection_aio.ReflectionServicer([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME])
    request, response = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=request.FromString,
        response_serializer=response.SerializeToString,
    )
    # v1 has the same messages as v1alpha, under another name.
    for name in (reflection.SERVICE_NAME, REFLECTION_V1):
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler})])
