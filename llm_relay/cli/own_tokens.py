"""Tokens that `relay serve` makes for its own programs, new at each start, so that nobody has to set any for them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from llm_relay.program.setting_groups import TokenSettings

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTokens:
    """What Server B accepts, and what the programs in front of it present. Empty where no tokens are set at all."""

    accepted: dict[str, str]
    """RELAY_TOKENS and RELAY_DELEGATES of Server B: those that are set, and ours."""
    gateway: str = ""
    server_a: str = ""

    @classmethod
    def create(cls, settings: TokenSettings) -> Self:
        """Makes tokens where Server B asks for some; its callers stay who they are, behind the gateway too."""
        if not settings.tokens:
            return cls(accepted={})
        taken = set(settings.tokens.names_by_digest.values())
        gateway, server_a = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        names = [_free_name(name, taken) for name in ("gateway", "server_a")]
        entries = [f"{name}:{token}" for name, token in zip(names, (gateway, server_a), strict=True)]
        accepted = {
            "RELAY_TOKENS": ",".join([settings.relay_tokens.get_secret_value(), *entries]),
            "RELAY_DELEGATES": ",".join(filter(None, [settings.relay_delegates, *names])),
        }
        return cls(accepted=accepted, gateway=gateway, server_a=server_a)


def _free_name(name: str, taken: Iterable[str]) -> str:
    """Returns the name, with a number behind it if a caller has it already: that one must not become a delegate."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
