"""The accounting routes: what calls cost, the calls themselves, and what the caller may still spend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.dependencies import backend_of, caller_of, lookup
from gateway.json_response import json_response
from gateway.openapi import examples, requests
from gateway.openapi.document import ACCOUNTS
from gateway.openapi.responses import OF_A_LEDGER, json_responses, rows_responses
from gateway.requests.plain_values import Moment, PlainInt
from gateway.response_headers import NO_STORE
from llm_relay.documents.accounts import (
    CallDocument,
    CallsDocument,
    IdentityDocument,
    UsageGroupDocument,
    UsageGroupsDocument,
    call_document,
    csv_line,
    dimensions_from_text,
    identity_document,
    usage_group_document,
)
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages.accounts import CallQuery, CallState, Dimension, UsageQuery

CSV = "text/csv"
NEXT_PAGE = "X-Next-Page-Token"

router = APIRouter(generate_unique_id_function=lambda route: route.name, tags=[ACCOUNTS])


_GROUP = f"(?:{'|'.join(one.value for one in Dimension if one is not Dimension.TAG)})"


class _Filters(BaseModel):
    """The filters of both lists. An unknown parameter is refused, because ignoring it would change the result."""

    model_config = ConfigDict(extra="forbid")

    caller: str = Field(
        "", description="Only calls of this caller. Without admin rights a caller sees only its own calls"
    )
    model: str = Field("", description="Only calls of this model")
    provider: str = Field("", description="Only calls of this provider")
    protocol: Literal["", "grpc", "http", "openai", "mcp"] = Field("", description="Only calls over this protocol")
    tag: str = Field("", description="Only calls with this tag, as key=value")
    since: Moment | None = Field(None, description="Only calls that began at this time or later, as RFC 3339 or a date")
    until: Moment | None = Field(None, description="Only calls that began before this time, as RFC 3339 or a date")
    format: Literal["", "json", "csv"] = Field("", description="json or csv; if empty, the Accept header decides")


class UsageParameters(_Filters):
    """Which calls to add up, and how to group them."""

    by: str = Field(
        "",
        description="What to group by, comma-separated: caller, model, provider, protocol, outcome, day, hour, tag:KEY",
        json_schema_extra={"pattern": f"^(?:{_GROUP}(?:,{_GROUP})*(?:,tag:[A-Za-z0-9_.-]{{1,64}})?)?$"},
    )
    time_zone: str = Field("UTC", description="IANA time zone of days, hours, and times without an offset")


class CallsParameters(_Filters):
    """Which calls to list."""

    limit: PlainInt = Field(50, ge=1, le=1000, description="The most calls to return, 1 to 1000")
    page_token: str = Field("", description="The `next_page_token` of the previous page")
    id: str = Field("", description="Only the call with this ledger id")
    request_id: str = Field("", description="Only calls with this request_id")
    state: Literal["", "open", "settled", "lost", "refused"] = Field("", description="Only calls in this state")
    outcome: str = Field("", description="Only calls that ended with this finish reason or error")
    unknown: bool = Field(False, description="true: only calls that have ended and whose cost is unknown")


@router.get(
    "/usage",
    summary="Add up what calls have cost",
    response_model=UsageGroupsDocument,
    responses=rows_responses(examples.USAGE_GROUPS, *OF_A_LEDGER),
    openapi_extra=requests.LOOKUP,
)
async def usage(request: Request, parameters: Annotated[UsageParameters, Query()]) -> Response:
    """Adds up calls, by default those of this month in one group. Callers see their own calls, admins see all."""
    query = _usage_query(parameters)
    async with lookup(request):
        groups = await backend_of(request).accounts.usage(query, **caller_of(request).arguments)
    rows = [usage_group_document(group, query.tag_key) for group in groups]
    if _wants_csv(request, parameters):
        titles = [f"tag:{query.tag_key}" if one is Dimension.TAG else one.value for one in query.by]
        return _csv([*titles, *UsageGroupDocument.__annotations__], rows)
    return json_response({"usage": rows})


@router.get(
    "/usage/me",
    summary="Show the caller, and what is left of its budgets",
    response_model=IdentityDocument,
    responses=json_responses(examples.IDENTITY, *OF_A_LEDGER),
    openapi_extra=requests.LOOKUP,
)
async def usage_me(request: Request) -> Response:
    """Returns the caller's name, its limits, and its budgets with what was spent of them."""
    async with lookup(request):
        identity = await backend_of(request).accounts.who_am_i(**caller_of(request).arguments)
    return json_response(identity_document(identity))


@router.get(
    "/calls",
    summary="List calls",
    response_model=CallsDocument,
    responses=rows_responses(examples.CALLS, *OF_A_LEDGER),
    openapi_extra=requests.LOOKUP,
)
async def calls(request: Request, parameters: Annotated[CallsParameters, Query()]) -> Response:
    """Lists calls, newest first. Callers see their own calls, admins see all. With CSV the next page is in a header."""
    async with lookup(request):
        page = await backend_of(request).accounts.calls(_call_query(parameters), **caller_of(request).arguments)
    rows = [call_document(call) for call in page.calls]
    if _wants_csv(request, parameters):
        following = {NEXT_PAGE: page.next_page_token} if page.next_page_token else {}
        return _csv(list(CallDocument.__annotations__), rows, following)
    return json_response({"calls": rows, "next_page_token": page.next_page_token})


def _usage_query(parameters: UsageParameters) -> UsageQuery:
    try:
        by, tag_key = dimensions_from_text(parameters.by)
    except ValueError as error:
        raise InvalidRequest.of(Violation("by", str(error))) from error
    try:
        zone = ZoneInfo(parameters.time_zone)
    except (LookupError, OSError, ValueError) as error:
        raise InvalidRequest.of(Violation("time_zone", "must be an IANA time zone, such as Europe/Oslo")) from error
    return UsageQuery(
        by=by,
        tag_key=tag_key,
        since=_in_zone(parameters.since, zone),
        until=_in_zone(parameters.until, zone),
        time_zone=parameters.time_zone,
        caller=parameters.caller,
        model=parameters.model,
        provider=parameters.provider,
        protocol=parameters.protocol,
        tag=parameters.tag,
    )


def _call_query(parameters: CallsParameters) -> CallQuery:
    return CallQuery(
        limit=parameters.limit,
        page_token=parameters.page_token,
        call_id=parameters.id,
        request_id=parameters.request_id,
        caller=parameters.caller,
        model=parameters.model,
        provider=parameters.provider,
        protocol=parameters.protocol,
        state=CallState(parameters.state) if parameters.state else None,
        outcome=parameters.outcome,
        tag=parameters.tag,
        is_cost_unknown=parameters.unknown,
        since=_in_zone(parameters.since, UTC),
        until=_in_zone(parameters.until, UTC),
    )


def _in_zone(moment: datetime | None, zone: tzinfo) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment


def _wants_csv(request: Request, parameters: _Filters) -> bool:
    accepted = request.headers.get("accept", "")
    return parameters.format == "csv" or (not parameters.format and CSV in accepted and "json" not in accepted)


def _csv(names: Sequence[str], rows: Iterable[Mapping[str, Any]], headers: Mapping[str, str] | None = None) -> Response:
    lines = [csv_line(names), *(csv_line(row.get(name) for name in names) for row in rows)]
    return Response("".join(lines), 200, {"Cache-Control": NO_STORE, **(headers or {})}, f"{CSV}; charset=utf-8")
