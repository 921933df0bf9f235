"""Translates the ledger's SQL for psycopg, and classifies PostgreSQL's errors."""

from __future__ import annotations

import re
from functools import lru_cache

import psycopg
from psycopg import errors

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.entries import MOST_SUM

_SUM = re.compile(r"CAST\((SUM\([^()]*\)) AS BIGINT\)")
_NOW_US = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT"


@lru_cache(maxsize=1000)
def translated(sql: str) -> str:
    """Returns a statement for psycopg."""
    sql = sql.replace("%", "%%").replace("now_us()", _NOW_US)
    sql = _SUM.sub(rf"CAST(CASE WHEN \1 > {MOST_SUM} THEN {MOST_SUM} ELSE \1 END AS BIGINT)", sql)
    sql = sql.replace("tag_value(tags)", "COALESCE(tags::json ->> :tag_key, '')")
    sql = re.sub(r"\bIN :(\w+)", r"= ANY(%(\1)s)", sql)
    return re.sub(r"(?<![:\w]):([a-z]\w*)", r"%(\1)s", sql)


_PROGRAM_LIMIT = "54"
"""Class of SQLSTATE: a value is too large, such as a text for an index."""


def is_of_the_database(error: Exception) -> bool:
    """Returns whether the database failed, such as a full disk or a lost connection, and not the statement."""
    if isinstance(error, (psycopg.DataError, psycopg.IntegrityError)):
        return False
    if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_PROGRAM_LIMIT):
        return False
    return isinstance(error, psycopg.Error) and not (
        isinstance(error, (psycopg.ProgrammingError, psycopg.NotSupportedError)) and error.sqlstate is None
    )


SESSION_LOST = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
"""A prepared statement is missing from this session, or belongs to another client: a pooler switched the session."""


def is_transient(error: Exception) -> bool:
    """Returns whether the same transaction may succeed if it is run again at once."""
    return isinstance(error, (errors.DeadlockDetected, errors.SerializationFailure, *SESSION_LOST))


_WRONG_STATES = frozenset({"28", "3D", "3F", "42"})
"""Classes of SQLSTATE: who may log in, which database and schema, and missing rights or tables of another program."""
_WRONG_SETTING = re.compile(
    r"password|authentication failed|no pg_hba\.conf entry|role .* does not exist|database .* does not exist"
    r"|invalid connection option|invalid .*sslmode|root certificate file|permission denied for database"
    r"|not permitted to log in",
    re.IGNORECASE,
)


def is_wrong_setting(error: Exception) -> bool:
    """Returns whether a connection was refused for a reason that waiting does not change. libpq has no code for it."""
    if isinstance(error, SESSION_LOST):
        return False
    code = getattr(error, "sqlstate", None) or ""
    return code[:2] in _WRONG_STATES or _WRONG_SETTING.search(str(error)) is not None


def unavailable(error: Exception, location: str) -> LedgerUnavailable:
    """Returns the error for callers. Its `operator_detail` says what failed and where."""
    return LedgerUnavailable(operator_detail=f"{location}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """Returns the first line of an error, without the context lines, which may contain values."""
    return next(iter(str(error).splitlines()), type(error).__name__)
