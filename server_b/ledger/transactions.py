"""Transactions: the interface of books, accounts and reports to SQLite and PostgreSQL.

SQL here is what both engines understand, plus four additions that each engine translates:

- `:name` is a parameter;
- `IN :name` takes a list of texts or integers;
- `now_us()` is the database's clock, in microseconds since 1970;
- `tag_value(tags)` is the member of the JSON object in the column `tags` that the parameter `tag_key` names, or empty.

`SUM(...)` of integers must be `CAST(SUM(...) AS BIGINT)`, because PostgreSQL's sum is a decimal number. Such a sum is
MOST_SUM if it is larger. SQLite has no row locks (`FOR UPDATE`): its write transactions run one after another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

Params: TypeAlias = Mapping[str, Any]
"""Values by name: int, float, str and None, and lists for `IN`."""
Row: TypeAlias = tuple[Any, ...]
Query: TypeAlias = tuple[str, Params]


class Transaction(Protocol):
    """Statements that take effect together, or not at all."""

    async def fetch(self, sql: str, params: Params = ...) -> list[Row]:
        """Runs one statement and returns its rows, including those of RETURNING."""
        ...

    async def fetch_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Runs several statements, in one round trip to PostgreSQL, and returns the rows of each."""
        ...

    async def execute(self, sql: str, params: Params = ...) -> None:
        """Runs one statement that returns nothing. It may fail later, at the end of the transaction at the latest."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        """Runs one statement, which has no lists, for each row, as `execute` does. Does nothing without rows."""
        ...

    async def lock_policy(self, *, to_change: bool) -> None:
        """Keeps the policy unchanged until the transaction ends. Calls share this lock; a change holds it alone."""
        ...


Work: TypeAlias = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """A database. Every method raises LedgerUnavailable if it cannot be read or written."""

    @property
    def location(self) -> str:
        """An absolute path, or a URL without its password."""
        ...

    async def write(self, work: Work[T], *, is_long: bool = False, is_durable: bool = True) -> T:
        """Runs `work` in a write transaction and commits it; an exception rolls it back. Writes run one at a time.

        With PostgreSQL it may take five seconds, or a minute if `is_long`. Without `is_durable` a power cut may undo
        it, and it does not wake the disk of an idle machine.

        `work` must await only its transaction. It may run twice, even after a commit whose result is unknown, so
        running it twice must have the same effect as running it once.
        """
        ...

    async def peek(self, work: Work[T]) -> T:
        """Runs `work`, which reads a few rows by key, at once."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Runs `work`, which may read for a long time, on one snapshot. Delays no writer."""
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...
