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
"""The caller's name if no tokens are set."""

CALLER_NAME = re.compile(r"[A-Za-z0-9._@\-]{1,64}")
NAME_RULE = "a name is 1 to 64 characters of A-Z a-z 0-9 . _ @ -"
TOKEN = re.compile(r"[!-~]+")
TOKEN_MARK = re.compile(r"[0-9a-f]{16}:[0-9a-f]{32}")
TOKEN_RULE = "a token is printable ASCII without spaces"  # noqa: S105 - what a token is made of
LEDGER_PREFIX = "rly_"
"""The beginning of tokens from the ledger. Only Server B decides about them."""
_ANOTHER_ENTRY = re.compile(r"[;|][A-Za-z0-9._@\-]{1,64}:")


class CallerArguments(TypedDict):
    """The arguments that tell a client of Server B who a call is for."""

    on_behalf_of: str
    token: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a program in front of Server B."""

    name: str = ""
    """ANONYMOUS if no tokens are set; empty: the program itself."""
    token: str = field(default="", repr=False)
    """The caller's own token from the ledger, which is sent instead of the program's; empty: none."""

    @property
    def arguments(self) -> CallerArguments:
        """The arguments of a call to Server B that is made for this caller."""
        return {"on_behalf_of": "" if self.token else self.name, "token": self.token}


class Callers(Protocol):
    """Identifies callers by their tokens."""

    async def caller(self, authorization: str | None) -> Caller:
        """Returns the caller. Raises Unauthenticated, or another RelayError if the caller cannot be checked."""
        ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """The accepted tokens. Only their digests are stored, so that no token can leak."""

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
                    f"entry {place} is named {ANONYMOUS}, the name of callers without a token: give it another name"
                )
            names_by_digest[token_digest(token)] = name
        return cls(names_by_digest, frozenset(delegates))

    def __bool__(self) -> bool:
        return bool(self.names_by_digest)

    def caller(self, authorization: str | None, on_behalf_of: str | None = None) -> str:
        """Returns the caller's name, `delegate/name` for a delegate's caller; ANONYMOUS if no tokens are set.

        Raises Unauthenticated for missing or wrong credentials, InvalidRequest for a bad name from a delegate.
        """
        if not self:
            return ANONYMOUS
        name = self.name_of(bearer_token(authorization))
        if name is None:
            raise Unauthenticated
        return self.caller_behind(name, on_behalf_of)

    def name_of(self, token: str) -> str | None:
        """Returns the name of a token's owner, or None if the token is not accepted."""
        if not self.names_by_digest:
            return None
        presented = token_digest(token)
        found = None
        for digest, name in self.names_by_digest.items():
            if hmac.compare_digest(digest, presented):
                found = name
        return found

    def has_marked(self, mark: str) -> bool:
        """Returns whether one of these tokens has this mark, made by `token_mark`."""
        salt, _, code = mark.partition(":")
        return any(hmac.compare_digest(_mark_code(salt, digest), code) for digest in self.names_by_digest)

    def caller_behind(self, name: str, on_behalf_of: str | None) -> str:
        """Returns who a token's owner calls for: `name/on_behalf_of` if it is a delegate, else itself.

        Raises InvalidRequest for a bad name from a delegate.
        """
        if on_behalf_of is None or name not in self.delegates:
            return name
        if not CALLER_NAME.fullmatch(on_behalf_of):
            raise InvalidRequest.of(Violation(ON_BEHALF_OF, NAME_RULE))
        return f"{name}/{on_behalf_of}"


def bearer_token(authorization: str | None) -> str:
    """Returns the token of an authorization header, or "" if there is none or the scheme is not bearer."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def ledger_token(authorization: str | None) -> str:
    """Returns the token of an authorization header if it is from the ledger, else ""."""
    token = bearer_token(authorization)
    return token if token.startswith(LEDGER_PREFIX) else ""


def token_digest(token: str) -> bytes:
    """Returns the SHA-256 of a token. Nothing else of a token is stored."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def token_mark(token: str) -> str:
    """Returns a mark of a token. A holder of the token can recognise it, but it does not reveal the token.

    Each mark is different, so that two sessions do not show that they have the same token.
    """
    salt = secrets.token_hex(8)
    return f"{salt}:{_mark_code(salt, token_digest(token))}"


def _mark_code(salt: str, digest: bytes) -> str:
    return hmac.new(digest, salt.encode(errors="replace"), hashlib.sha256).hexdigest()[:32]


def token_warnings(text: str) -> Iterator[str]:
    """Yields probable mistakes in RELAY_TOKENS, without any token."""
    for place, (_, token) in enumerate(_entries(text), start=1):
        if _ANOTHER_ENTRY.search(token):
            yield f"entry {place} has a ';' or '|' in its token: to list several callers, separate them with commas"


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for entry in text.split(","):
        if entry.strip():
            name, _, token = entry.partition(":")
            yield name.strip(), token.strip()
