"""Which errors of PostgreSQL stop the start, and which only delay it."""

import psycopg
import pytest
from psycopg import errors

from server_b.ledger.postgres.dialect import SESSION_LOST, is_transient, is_wrong_setting

LOST = (
    errors.DuplicatePreparedStatement('prepared statement "_pg3_0" already exists'),
    errors.InvalidSqlStatementName('prepared statement "_pg3_0" does not exist'),
)


@pytest.mark.parametrize("error", LOST, ids=["belongs to another client", "is missing"])
def test_a_session_that_a_pooler_switched_at_the_start_is_no_wrong_setting(error: psycopg.Error) -> None:
    assert isinstance(error, SESSION_LOST)
    assert is_transient(error)
    assert not is_wrong_setting(error)


@pytest.mark.parametrize(
    ("error", "is_wrong"),
    [
        (errors.InvalidPassword("no"), True),
        (errors.InvalidCatalogName("no"), True),
        (errors.InvalidSchemaName("no"), True),
        (errors.InsufficientPrivilege("no"), True),
        (errors.UndefinedColumn("no"), True),
        (psycopg.OperationalError('FATAL:  password authentication failed for user "relay"'), True),
        (errors.DeadlockDetected("no"), False),
        (errors.CannotConnectNow("no"), False),
        (errors.DiskFull("no"), False),
        (psycopg.OperationalError("connection refused"), False),
    ],
)
def test_a_setting_is_wrong_if_waiting_changes_nothing(error: psycopg.Error, is_wrong: bool) -> None:
    assert is_wrong_setting(error) is is_wrong
