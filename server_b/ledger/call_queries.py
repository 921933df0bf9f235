"""Lists of calls: queries as SQL, in pages that stay stable while calls begin and end."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import CallEntry, CallQuery, CallsPage
from llm_relay.messages.numbers import is_whole
from server_b.ledger.call_rows import COLUMNS, entry, with_attempts
from server_b.ledger.tag_search import HAS_TAG, tag_params
from server_b.ledger.times import to_us
from server_b.ledger.transactions import Transaction

MAX_LIMIT = 1000


async def list_calls(transaction: Transaction, query: CallQuery) -> CallsPage:
    """Lists the calls that a query finds, newest first. Raises InvalidRequest."""
    if not is_whole(query.limit, 1, MAX_LIMIT):
        raise InvalidRequest.of(Violation("limit", f"must be a whole number from 1 to {MAX_LIMIT}"))
    conditions, params = _conditions(query)
    rows = await transaction.fetch(
        f"SELECT {COLUMNS} FROM calls WHERE {' AND '.join(conditions)}"  # noqa: S608 - conditions of this file
        " ORDER BY started_at DESC, id DESC LIMIT :limit",
        params | {"limit": query.limit + 1},
    )
    calls = await with_attempts(transaction, [entry(row) for row in rows[: query.limit]])
    return CallsPage(calls=calls, next_page_token=_page_token(calls[-1]) if len(rows) > query.limit else "")


def _conditions(query: CallQuery) -> tuple[list[str], dict[str, object]]:
    conditions = ["1 = 1"]
    params: dict[str, object] = {}
    for column, value in (
        ("id", query.call_id),
        ("request_id", query.request_id),
        ("account", query.caller.rpartition("/")[2]),
        ("caller", query.caller if "/" in query.caller else ""),
        ("model", query.model),
        ("provider", query.provider),
        ("protocol", query.protocol),
        ("state", query.state.value if query.state else ""),
        ("outcome", query.outcome),
    ):
        if value:
            conditions.append(f"{column} = :{column}")
            params[column] = value
    if query.is_cost_unknown:
        conditions.append("nano_usd IS NULL AND state IN ('settled', 'lost')")
    if query.tag:
        conditions.append(HAS_TAG)
        params |= tag_params(query.tag)
    if query.since is not None:
        conditions.append("started_at >= :since")
        params["since"] = to_us(query.since)
    if query.until is not None:
        conditions.append("started_at < :until")
        params["until"] = to_us(query.until)
    if query.page_token:
        conditions.append("(started_at, id) < (:last_at, :last_id)")
        params["last_at"], params["last_id"] = _after(query.page_token)
    return conditions, params


def next_query(query: CallQuery, page: CallsPage) -> CallQuery:
    """Returns the query of the next page."""
    return replace(query, page_token=page.next_page_token)


def _page_token(last: CallEntry) -> str:
    return base64.urlsafe_b64encode(f"{to_us(last.started_at)} {last.id}".encode()).decode()


def _after(token: str) -> tuple[int, str]:
    try:
        at, space, key = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(" ")
        if space and key and at.isascii() and at.isdecimal() and len(at) < 19:
            return int(at), key
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidRequest.of(Violation("page_token", "must be the next_page_token of the previous page, or empty"))
