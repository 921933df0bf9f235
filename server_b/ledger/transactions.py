"""Transactions: the one language in which books, accounts and reports speak to SQLite and PostgreSQL.

SQL here is what both engines understand, with four additions that each engine translates:

- `:name` is a parameter;
- `IN :name` takes a list of texts or integers;
- `now_us()` is the database's clock, in microseconds since 1970;
- `tag_value(tags)` is what the JSON object in the column `tags` has for the parameter `tag_key`, and empty without it.

`SUM(...)` of integers must be `CAST(SUM(...) AS BIGINT)`, because PostgreSQL's sum is a decimal number. Row locks
(`FOR UPDATE`) are left out at SQLite, whose transactions run one after another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Params: TypeAlias = Mapping[str, Any]
"""Values by name: int, float, str, None, and lists for `IN`."""
Row: TypeAlias = tuple[Any, ...]
Query: TypeAlias = tuple[str, Params]


class Transaction(Protocol):
    """Statements that take effect together, or not at all."""

    async def fetch(self, sql: str, params: Params = ...) -> list[Row]:
        """Runs one statement and returns its rows, also those of RETURNING."""
        ...

    async def fetch_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Runs several statements, at PostgreSQL in one round trip, and returns the rows of each."""
        ...

    async def execute(self, sql: str, params: Params = ...) -> None:
        """Runs one statement that returns nothing. It may fail later in the transaction, at its end at the latest."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        """Runs one statement, without lists, for each row; as `execute`. Nothing happens without rows."""
        ...

    async def lock_policy(self, *, to_change: bool) -> None:
        """Holds the policy as it is until the end: calls share this lock, a change has it alone."""
        ...


Work: TypeAlias = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """A database. Every method raises LedgerUnavailable where it cannot be read or written."""

    @property
    def location(self) -> str:
        """An absolute path, or a URL without its password."""
        ...

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:
        """Runs `work` in a transaction that writes, one at a time, and commits it; an exception rolls it back.

        It may take five seconds at PostgreSQL, or a minute if `is_long`; meanwhile no other writes. Without
        `is_durable` a power cut may undo it, and the disk of an idle machine is not woken for it.

        `work` must wait for nothing but its transaction. It may be run again, also after a commit whose fate is not
        known, so doing it twice must come to the same as doing it once.
        """
        ...

    async def peek(self, work: Work[T]) -> T:
        """Runs `work`, which reads a few rows by their keys, at once."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Runs `work`, which may read for long, on one snapshot; delays no writer."""
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...
