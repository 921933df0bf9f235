"""Reads what a call's metadata says about its caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from llm_relay.metadata import AUTHORIZATION, LOCAL, ON_BEHALF_OF, PROTOCOL, PROTOCOLS, first_value
from server_b.authentication import Credentials

CallMetadata: TypeAlias = Iterable[tuple[str, str | bytes]] | None

_LOCAL_PEERS = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127.", "unix:")
"""How gRPC writes a peer on this machine; gRPC escapes brackets."""


def credentials_of(metadata: CallMetadata, peer: str = "") -> Credentials:
    """Returns the credentials of a call; `peer` is its source, as gRPC writes it."""
    return Credentials(
        authorization=first_value(metadata, AUTHORIZATION),
        on_behalf_of=first_value(metadata, ON_BEHALF_OF),
        is_local=peer.startswith(_LOCAL_PEERS),
        is_behind_local=first_value(metadata, LOCAL) == "true",
    )


def protocol_of(metadata: CallMetadata) -> str:
    """Returns the protocol by which the request reached the relay: grpc unless the metadata names another."""
    protocol = first_value(metadata, PROTOCOL)
    return protocol if protocol in PROTOCOLS else "grpc"
