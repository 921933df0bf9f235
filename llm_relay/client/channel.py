"""The channel to Server B: credentials, keepalive, and retries of calls that no server has admitted."""

from __future__ import annotations

import json
from dataclasses import dataclass

import grpc

from llm_relay.addresses import shown_address
from llm_relay.caller_tokens import TOKEN, TOKEN_RULE
from llm_relay.targets import is_loopback_target, target_addresses

DEFAULT_TARGET = "127.0.0.1:50051"
DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
ENVELOPE_BYTES = 64 * 1024
"""Upper bound for the metadata of a request."""
READ_AHEAD_BYTES = 4 * 1024
"""How much of a stream the server may send before it is read. A message that a reader waits for may be larger."""
CONNECT_TIMEOUT_MS = 1_000
"""How long an attempt to connect may take: three round trips (TCP, TLS, HTTP/2) of 300 ms."""
SERVICE = "relay.v1.RelayService"
ACCOUNT_SERVICE = "relay.v1.AccountService"

# Retries only a call that no server has admitted: gRPC never retries after initial metadata has arrived.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": SERVICE},
        "methodConfig": [
            {
                "name": [{"service": SERVICE}, {"service": ACCOUNT_SERVICE}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """How to reach Server B."""

    target: str = DEFAULT_TARGET
    """A gRPC target: `host:port`, `dns:///host:port`, `unix:/path`, `ipv4:a:port,b:port`."""
    token: str = ""
    """The bearer token to send; empty: none."""
    tls: bool = False
    ca_file: str = ""
    """PEM file of the trusted authorities; empty: the public ones that grpcio ships."""
    cert_file: str = ""
    key_file: str = ""
    """This client's own certificate, for mutual TLS."""
    insecure: bool = False
    """Whether a token may be sent in plaintext beyond loopback."""
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES


def check_dial(dial: Dial) -> None:
    """Raises ValueError if the token cannot be sent, or would be sent in plaintext beyond this machine."""
    if dial.token and not TOKEN.fullmatch(dial.token):
        raise ValueError(f"RELAY_TOKEN: {TOKEN_RULE}")
    if dial.token and not dial.tls and not dial.insecure and not is_loopback_target(dial.target):
        raise ValueError(
            "RELAY_TOKEN would be sent in plaintext beyond this machine: set SERVER_B_TLS=true,"
            " or RELAY_INSECURE=true if the network between is trusted"
        )


def open_channel(dial: Dial, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Opens a channel on the running event loop; it connects at the first call. Close it on the same loop.

    It is plaintext if `credentials` is None.
    """
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 1),
        # gRPC retries a request only if it fits in this buffer. The default is 256 KiB.
        ("grpc.per_rpc_retry_buffer_size", dial.max_message_bytes + ENVELOPE_BYTES),
        ("grpc.max_send_message_length", dial.max_message_bytes),
        ("grpc.max_receive_message_length", -1),
        # Notices a frozen or vanished server in 3 s, on idle streams too. With the retries, which may have to wait for
        # an attempt to connect, a call fails within 5 s. Servers accept a ping each second.
        ("grpc.keepalive_time_ms", 1_500),
        ("grpc.http2.ping_timeout_ms", 1_500),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        # Despite its name, gRPC's time limit for an attempt to connect.
        ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # With bandwidth probing, an unread stream would buffer 4 MiB here before it is slowed down.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", READ_AHEAD_BYTES),
        # gRPC obeys http_proxy for loopback too, where no proxy can help.
        ("grpc.enable_http_proxy", 0 if is_loopback_target(dial.target) else 1),
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(dial.target, options=options)
    if len(addresses := target_addresses(dial.target)) > 1:
        # gRPC would expect a certificate for the whole list. Each certificate must name the first address.
        options.append(("grpc.default_authority", shown_address(*addresses[0])))
    return grpc.aio.secure_channel(dial.target, credentials, options=options)
