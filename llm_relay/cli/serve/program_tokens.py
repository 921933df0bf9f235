"""Tokens that `relay serve` makes for its own programs, new at each start, so that nobody has to set any for them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from llm_relay.program.setting_groups import TokenSettings
from llm_relay.program.supervised import OWN_TOKENS_VARIABLE

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTokens:
    """What Server B accepts from the programs in front of it, and what they present."""

    accepted: dict[str, str]
    """Of Server B's environment. It takes them for delegates, and not for tokens that keep others out."""
    gateway: str
    server_a: str

    @classmethod
    def create(cls, settings: TokenSettings) -> Self:
        """Makes tokens; the programs' callers stay who they are to Server B."""
        taken = set(settings.tokens.names_by_digest.values())
        gateway, server_a = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        names = [_free_name(name, taken) for name in ("gateway", "server_a")]
        entries = [f"{name}:{token}" for name, token in zip(names, (gateway, server_a), strict=True)]
        return cls(accepted={OWN_TOKENS_VARIABLE: ",".join(entries)}, gateway=gateway, server_a=server_a)


def _free_name(name: str, taken: Iterable[str]) -> str:
    """Returns the name, with a number behind it if a caller has it already: they stay two callers."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
