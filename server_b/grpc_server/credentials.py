"""What the metadata of a call says of its caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from llm_relay.metadata import AUTHORIZATION, LOCAL, ON_BEHALF_OF, PROTOCOL, PROTOCOLS, first_value
from server_b.authentication import Credentials

CallMetadata: TypeAlias = Iterable[tuple[str, str | bytes]] | None

_LOCAL_PEERS = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127.", "unix:")
"""How gRPC writes a peer on this machine; it escapes brackets."""


def credentials_of(metadata: CallMetadata, peer: str = "") -> Credentials:
    """Reads the credentials of a call; `peer` is where it comes from, as gRPC names it."""
    return Credentials(
        authorization=first_value(metadata, AUTHORIZATION),
        on_behalf_of=first_value(metadata, ON_BEHALF_OF),
        is_local=peer.startswith(_LOCAL_PEERS),
        is_behind_local=first_value(metadata, LOCAL) == "true",
    )


def protocol_of(metadata: CallMetadata) -> str:
    """Returns how the caller itself was called: grpc unless it says another one."""
    protocol = first_value(metadata, PROTOCOL)
    return protocol if protocol in PROTOCOLS else "grpc"
