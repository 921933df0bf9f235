"""Server B's gRPC server: its services and options, and how it drains."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health import aio as health_aio

from llm_relay.addresses import shown_address
from llm_relay.client.channel import ACCOUNT_SERVICE, DEFAULT_MAX_MESSAGE_BYTES, SERVICE
from llm_relay.tls.grpc_server import ServerCertificates
from server_b.authentication import Authenticator
from server_b.core.relay import Relay
from server_b.grpc_server.accounts.servicer import Accounts, AccountServicer
from server_b.grpc_server.interceptors import RequireToken
from server_b.grpc_server.servicer import RelayServicer, method_handlers
from server_b.grpc_server.stalled_readers import DEFAULT_STALL_S
from server_b.grpc_server.standard_services import health_handlers, reflection_handlers
from server_b.grpc_server.traces import Handlers, traced_methods

DEFAULT_NOTICE_S = 1.0
"""How long load balancers have to see NOT_SERVING before the port closes, in seconds."""

HEALTH_PATIENCE_S = 1.0
MOST_PENDING = 100_000
SPARE_STREAMS = 100
"""Streams of a connection beyond MAX_CONCURRENT_CALLS: for health, Cancel, and calls that are OVERLOADED."""


class Server:
    """The gRPC server of one Relay, with health and reflection. Call `start`, and `drain` at the end."""

    def __init__(
        self,
        relay: Relay,
        *,
        authenticator: Authenticator | None = None,
        accounts: Accounts | None = None,
        certificates: ServerCertificates | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        stall_s: float = DEFAULT_STALL_S,
        shares_port: bool = False,
    ) -> None:
        """Without `authenticator` anyone may call; `accounts` is None without a ledger; without `certificates`, no TLS.

        `stall_s` is how long a caller may read no data, in seconds. `shares_port`: other workers listen on the same
        port.
        """
        authenticator = authenticator or Authenticator()
        self._relay = relay
        self._certificates = certificates
        self._grpc = grpc.aio.server(
            interceptors=[RequireToken(authenticator, relay.tell_refused)] if authenticator.can_refuse else [],
            options=_options(max_message_bytes, streams=relay.most_calls + SPARE_STREAMS, shares_port=shares_port),
        )
        self._account_servicer = AccountServicer(accounts, authenticator, relay.tell_refused, stall_s=stall_s)
        servicer = RelayServicer(
            relay, authenticator, stall_s=stall_s, rates_left=accounts.rates_left if accounts else None
        )
        self._health = health_aio.HealthServicer()
        self._grpc.add_generic_rpc_handlers(
            [
                _service(SERVICE, method_handlers(servicer)),
                _service(ACCOUNT_SERVICE, self._account_servicer.handlers()),
                health_handlers(self._health),
                *reflection_handlers([SERVICE, ACCOUNT_SERVICE, health.SERVICE_NAME]),
            ]
        )

    async def start(self, host: str, port: int) -> int:
        """Listens on host:port (0: any free port) and serves. Returns the port. Raises OSError if it cannot listen."""
        address = shown_address(host, port)
        try:
            if self._certificates is None:
                bound = self._grpc.add_insecure_port(address)
            else:
                bound = self._grpc.add_secure_port(address, self._certificates.credentials())
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        await self._grpc.start()
        await self._health.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await self._health.set(ACCOUNT_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        return bound

    async def drain(self, grace_s: float, *, notice_s: float = DEFAULT_NOTICE_S) -> None:
        """Stops without losing a call: reports NOT_SERVING, refuses new calls as DRAINING, lets running calls end.

        Calls have `grace_s` seconds to end; the port stays open for at least `notice_s` of them. Cancelling the task
        ends the grace period at once.
        """
        self._relay.drain()
        self._account_servicer.stop()
        try:
            await self._show_not_serving()
            await asyncio.gather(asyncio.sleep(min(notice_s, grace_s)), self._relay.wait_idle(grace_s))
        finally:
            await self._relay.wait_idle(0)
            # Calls that were stopped still have to send their status.
            await self._grpc.stop(min(1.0, grace_s))

    async def _show_not_serving(self) -> None:
        # A watcher that reads no data holds the health servicer's lock.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEALTH_PATIENCE_S):
                await self._health.enter_graceful_shutdown()


def _service(name: str, handlers: Handlers) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(name, traced_methods(name, handlers))


def _options(max_message_bytes: int, *, streams: int, shares_port: bool) -> list[tuple[str, Any]]:
    return [
        # Limits the streams of a connection, including reset ones whose handlers still run.
        ("grpc.max_concurrent_streams", streams),
        # By default gRPC cancels some calls when more than 1,000 wait; here they get OVERLOADED.
        ("grpc.server.max_pending_requests", MOST_PENDING),
        ("grpc.server.max_pending_requests_hard_limit", MOST_PENDING),
        # A second server on the same port is a mistake, unless it is a worker of the same supervisor.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # A frozen or vanished caller is noticed within 5 s. Callers may ping as often as RelayClient does.
        ("grpc.keepalive_time_ms", 2_000),
        ("grpc.http2.ping_timeout_ms", 2_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        # Connections are renewed so that clients find servers that started later. Running streams are never cut.
        ("grpc.max_connection_age_ms", 600_000),
    ]
