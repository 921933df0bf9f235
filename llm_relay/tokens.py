"""Bearer tokens: who is calling."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypedDict

from llm_relay.errors import InvalidRequest, Unauthenticated, Violation
from llm_relay.metadata import ON_BEHALF_OF

ANONYMOUS = "anonymous"
"""The caller's name where no tokens are set."""

CALLER_NAME = re.compile(r"[A-Za-z0-9._@\-]{1,64}")
NAME_RULE = "a name is 1 to 64 of A-Z a-z 0-9 . _ @ -"
TOKEN = re.compile(r"[!-~]+")
TOKEN_MARK = re.compile(r"[0-9a-f]{16}:[0-9a-f]{32}")
TOKEN_RULE = "a token is printable ASCII without spaces"  # noqa: S105 - what a token is made of
LEDGER_PREFIX = "rly_"
"""What the tokens begin with that the ledger makes. Server B alone decides about them."""
_ANOTHER_ENTRY = re.compile(r"[;|][A-Za-z0-9._@\-]{1,64}:")


class CallerArguments(TypedDict):
    """How a client of Server B is told for whom a call is made."""

    on_behalf_of: str
    token: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a program in front of Server B."""

    name: str = ""
    """ANONYMOUS where no tokens are set; empty: the program itself."""
    token: str = field(default="", repr=False)
    """The caller's own token of the ledger, which is presented in place of the program's; empty: it has none."""

    @property
    def arguments(self) -> CallerArguments:
        """The arguments of a call to Server B that is made for this caller."""
        return {"on_behalf_of": "" if self.token else self.name, "token": self.token}


class Callers(Protocol):
    """Tells callers by their tokens."""

    async def caller(self, authorization: str | None) -> Caller:
        """Returns the caller. Raises Unauthenticated, or what prevents an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """The accepted tokens. Only their digests are kept, so that none can leak from here."""

    names_by_digest: dict[bytes, str]
    delegates: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, delegates: Iterable[str] = ()) -> Tokens:
        """Reads `name:token,name:token`; one name may have several tokens, for rotation.

        Raises ValueError, without the token, if an entry has no colon, a bad name or a bad token.
        """
        names_by_digest: dict[bytes, str] = {}
        for place, (name, token) in enumerate(_entries(text), start=1):
            if not TOKEN.fullmatch(token) or not CALLER_NAME.fullmatch(name):
                raise ValueError(f"entry {place} is not name:token ({NAME_RULE}; {TOKEN_RULE})")
            if name == ANONYMOUS:
                raise ValueError(
                    f"entry {place} is named {ANONYMOUS}, as callers without a token are: give it another name"
                )
            names_by_digest[token_digest(token)] = name
        return cls(names_by_digest, frozenset(delegates))

    def __bool__(self) -> bool:
        return bool(self.names_by_digest)

    def caller(self, authorization: str | None, on_behalf_of: str | None = None) -> str:
        """Returns the caller's name, `delegate/name` for a delegate's caller; ANONYMOUS where no tokens are set.

        Raises Unauthenticated for missing and for wrong credentials alike, InvalidRequest for a delegate's bad name.
        """
        if not self:
            return ANONYMOUS
        name = self.name_of(bearer_token(authorization))
        if name is None:
            raise Unauthenticated
        return self.caller_behind(name, on_behalf_of)

    def name_of(self, token: str) -> str | None:
        """Returns whose token it is; None: it is none of these."""
        if not self.names_by_digest:
            return None
        presented = token_digest(token)
        found = None
        for digest, name in self.names_by_digest.items():
            if hmac.compare_digest(digest, presented):
                found = name
        return found

    def has_marked(self, mark: str) -> bool:
        """Tells whether one of these tokens has a mark that `token_mark` has made."""
        salt, _, code = mark.partition(":")
        return any(hmac.compare_digest(_mark_code(salt, digest), code) for digest in self.names_by_digest)

    def caller_behind(self, name: str, on_behalf_of: str | None) -> str:
        """Returns whom a token's owner calls for: `name/on_behalf_of` if it is a delegate, else itself.

        Raises InvalidRequest for a delegate's bad name.
        """
        if on_behalf_of is None or name not in self.delegates:
            return name
        if not CALLER_NAME.fullmatch(on_behalf_of):
            raise InvalidRequest.of(Violation(ON_BEHALF_OF, NAME_RULE))
        return f"{name}/{on_behalf_of}"


def bearer_token(authorization: str | None) -> str:
    """Returns the token of an authorization header; empty: there is none, or it is of another scheme."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def ledger_token(authorization: str | None) -> str:
    """Returns the token of an authorization header if the ledger has made it; else nothing."""
    token = bearer_token(authorization)
    return token if token.startswith(LEDGER_PREFIX) else ""


def token_digest(token: str) -> bytes:
    """Returns the SHA-256 of a token, which is all that is kept of it."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def token_mark(token: str) -> str:
    """Returns a mark of a token: who has the token can tell it again, and nobody can tell the token from it.

    Each is another one, so that two sessions do not show that they are of one token.
    """
    salt = secrets.token_hex(8)
    return f"{salt}:{_mark_code(salt, token_digest(token))}"


def _mark_code(salt: str, digest: bytes) -> str:
    return hmac.new(digest, salt.encode(errors="replace"), hashlib.sha256).hexdigest()[:32]


def token_warnings(text: str) -> Iterator[str]:
    """Yields what is probably a mistake in RELAY_TOKENS, without any token."""
    for place, (_, token) in enumerate(_entries(text), start=1):
        if _ANOTHER_ENTRY.search(token):
            yield f"entry {place} has a ';' or '|' in its token: if it is several callers, separate them with commas"


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.split(","):
        if entry.strip():
            name, _, token = entry.partition(":")
            yield name.strip(), token.strip()
