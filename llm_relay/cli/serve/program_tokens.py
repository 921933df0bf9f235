"""Tokens that `relay serve` makes for its own programs at each start, so that you need not set any."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from llm_relay.program.processes.supervised import OWN_TOKENS_VARIABLE
from llm_relay.program.settings.setting_groups import TokenSettings

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTokens:
    """The tokens that Server B accepts from the programs in front of it, and that these programs send."""

    accepted: dict[str, str]
    """Variables for Server B's environment. Their tokens make delegates, but do not make tokens required for others."""
    gateway: str
    server_a: str

    @classmethod
    def create(cls, settings: TokenSettings) -> Self:
        """Makes the tokens. The programs' callers keep their own names at Server B."""
        taken = set(settings.tokens.names_by_digest.values())
        gateway, server_a = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        names = [_free_name(name, taken) for name in ("gateway", "server_a")]
        entries = [f"{name}:{token}" for name, token in zip(names, (gateway, server_a), strict=True)]
        return cls(accepted={OWN_TOKENS_VARIABLE: ",".join(entries)}, gateway=gateway, server_a=server_a)


def _free_name(name: str, taken: Iterable[str]) -> str:
    """Returns the name, with a number after it if another caller has the name."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
