"""Converts errors to gRPC statuses with google.rpc details, and back."""

from __future__ import annotations

import asyncio
import contextlib
import math
import typing
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from generated.relay.v1 import relay_pb2 as pb
from llm_relay import errors
from llm_relay.errors import RelayError, Violation
from llm_relay.wire import codec
from llm_relay.wire.budget_metadata import budget_details, budget_metadata
from llm_relay.wire.rate_metadata import rates_from_text, rates_text

DOMAIN = "relay.v1"
MAY_HAVE_WORKED = "may_have_worked"
CAUSE = "cause"
REFUSED = "refused"
RATES_LEFT = "rates"
REFUSED_CALLER = "caller"
"""The caller that the program called for is refused, not the program that sent the token."""
_BOOLS = {"true": True, "false": False}

CODES: dict[type[RelayError], grpc.StatusCode] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.UnknownModel: grpc.StatusCode.NOT_FOUND,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.RateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ProviderRateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.ProviderUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ProviderAuth: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ProviderRejected: grpc.StatusCode.INVALID_ARGUMENT,
    errors.ProviderProtocol: grpc.StatusCode.INTERNAL,
    errors.BudgetExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.PriceUnknown: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LedgerUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Cancelled: grpc.StatusCode.CANCELLED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Draining: grpc.StatusCode.UNAVAILABLE,
    errors.ServerBUnavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Internal: grpc.StatusCode.INTERNAL,
}

# A status without our ErrorInfo comes from gRPC itself or from something between the two ends.
_BARE_CODES: dict[grpc.StatusCode, type[RelayError]] = {
    grpc.StatusCode.UNAVAILABLE: errors.ServerBUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
}

_REFUSED_STREAM = "RST_STREAM with error code 7"
"""In the text of gRPC's core: the connection has more streams than the server accepts (RFC 9113, 8.7)."""
_NEVER_SENT = ("failed to connect to all addresses", "DNS resolution failed")
"""In the text of gRPC's core: there was no connection to send the call on."""

LONGEST_TEXT_BYTES = 1_500
"""Limit of an error's text. gRPC refuses statuses over 8 KiB, and writes each non-ASCII byte as three, twice."""
LONGEST_RETRY_AFTER_S = 86_400.0

D = TypeVar("D", bound=Message)


def status_from_error(error: RelayError) -> status_pb2.Status:
    """Returns the rich status that a server sends for this error."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    if error.request_id:
        info.metadata["request_id"] = error.request_id
    info.metadata[MAY_HAVE_WORKED] = "true" if error.may_have_worked else "false"
    if error.cause:
        info.metadata[CAUSE] = error.cause
    if isinstance(error, errors.BudgetExceeded):
        info.metadata.update(budget_metadata(error))
    if isinstance(error, errors.Unauthenticated) and error.is_of_caller:
        info.metadata[REFUSED] = REFUSED_CALLER
    if isinstance(error, errors.RateLimited) and error.rates_left is not None:
        info.metadata[RATES_LEFT] = rates_text(error.rates_left)
    details: list[Message] = [info]
    if error.retry_after_s is not None and error.retry_after_s >= 0:
        details.append(error_details_pb2.RetryInfo(retry_delay=_duration(error.retry_after_s)))
    if error.violations:
        details.append(_bad_request(error.violations))
    if error.spent is not None:
        details.append(codec.finished_to_wire(error.spent))
    return status_pb2.Status(
        code=CODES[type(error)].value[0],
        message=error.message.encode(errors="replace")[:LONGEST_TEXT_BYTES].decode(errors="ignore"),
        details=[_packed(detail) for detail in details],
    )


def _duration(seconds: float) -> Duration:
    nanos = math.ceil(min(seconds, LONGEST_RETRY_AFTER_S) * 1e9)
    return Duration(seconds=nanos // 1_000_000_000, nanos=nanos % 1_000_000_000)


def _bad_request(violations: tuple[Violation, ...]) -> error_details_pb2.BadRequest:
    fields = [
        error_details_pb2.BadRequest.FieldViolation(field=violation.field, description=violation.description)
        for violation in violations
    ]
    return error_details_pb2.BadRequest(field_violations=fields)


def _packed(message: Message) -> Any:
    detail = Any()
    detail.Pack(message)
    return detail


def error_from_status(code: grpc.StatusCode, message: str, status: status_pb2.Status | None) -> RelayError:
    """Returns the error that a client raises. `status` is the rich status, if there was one."""
    if status is not None and (info := _detail(status, error_details_pb2.ErrorInfo)) and info.domain == DOMAIN:
        error_type = errors.ERRORS_BY_REASON.get(info.reason) or _bare_error_type(code, message)
        return _with_details(error_type, status, info)
    if code is grpc.StatusCode.UNAVAILABLE and _REFUSED_STREAM in message:
        return errors.Overloaded(retry_after_s=errors.OVERLOADED_RETRY_AFTER_S)
    error_type = _bare_error_type(code, message)
    # The text of another program's status may contain anything, so only the class's own text is passed on.
    if code is grpc.StatusCode.UNAVAILABLE and any(text in message for text in _NEVER_SENT):
        return error_type(may_have_worked=False)
    return error_type()


def _bare_error_type(code: grpc.StatusCode, message: str) -> type[RelayError]:
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in message:
        return errors.TooLarge
    return _BARE_CODES.get(code, errors.Internal)


def _with_details(
    error_type: type[RelayError], status: status_pb2.Status, info: error_details_pb2.ErrorInfo
) -> RelayError:
    retry = _detail(status, error_details_pb2.RetryInfo)
    bad_request = _detail(status, error_details_pb2.BadRequest)
    spent = _detail(status, pb.Finished)
    return error_type(
        status.message,
        request_id=info.metadata.get("request_id", ""),
        retry_after_s=retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry else None,
        violations=tuple(Violation(v.field, v.description) for v in bad_request.field_violations)
        if bad_request
        else (),
        spent=codec.finished_from_wire(spent) if spent else None,
        may_have_worked=_BOOLS.get(info.metadata.get(MAY_HAVE_WORKED, "")),
        cause=info.metadata.get(CAUSE, ""),
        **_own_details(error_type, info.metadata),
    )


def _own_details(error_type: type[RelayError], metadata: Mapping[str, str]) -> dict[str, typing.Any]:
    """Returns the arguments that only this class has."""
    if error_type is errors.BudgetExceeded:
        return budget_details(metadata)
    if error_type is errors.Unauthenticated:
        return {"is_of_caller": metadata.get(REFUSED) == REFUSED_CALLER}
    if error_type is errors.RateLimited and RATES_LEFT in metadata:
        return {"rates_left": rates_from_text(metadata[RATES_LEFT])}
    return {}


def _detail(status: status_pb2.Status, detail_type: type[D]) -> D | None:
    for detail in status.details:
        if detail.Is(detail_type.DESCRIPTOR):
            with contextlib.suppress(DecodeError):
                return detail_type.FromString(detail.value)
    return None


Context = grpc.aio.ServicerContext[object, object]


class aborting:  # noqa: N801 - read as a verb: async with aborting(context, …)
    """Ends the call with the right status if the block raises.

    grpc.aio would send the text of an uncaught exception to the caller. A class, because a contextlib generator takes
    more time than the code in the block.
    """

    __slots__ = ("_context", "_note", "_report")

    def __init__(
        self,
        context: Context,
        report: Callable[[Exception], RelayError],
        note: Callable[[RelayError], None] | None = None,
    ) -> None:
        """`report` receives an exception that is not a RelayError, logs it, and returns the error for the caller.

        `note` receives each RelayError that the block raises.
        """
        self._context = context
        self._report = report
        self._note = note

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, grpc.aio.AbortError | grpc.aio.InternalError):
            _raise_departure(error)
        if isinstance(error, RelayError):
            if self._note is not None:
                self._note(error)
            await _abort(self._context, error)
        elif isinstance(error, Exception):  # the outermost frame of a call: the caller must not see the exception
            await _abort(self._context, self._report(error))


async def _abort(context: Context, error: RelayError) -> None:
    try:
        await context.abort_with_status(rpc_status.to_status(status_from_error(error)))
    except grpc.aio.InternalError as departure:
        _raise_departure(departure)


def _raise_departure(error: grpc.aio.BaseError) -> NoReturn:
    """Raises CancelledError if a caller left during a write, which is no fault and is not logged."""
    if isinstance(error, grpc.aio.InternalError):
        raise asyncio.CancelledError from error
    raise error


def error_from_call(error: grpc.aio.AioRpcError) -> RelayError:
    """Returns the RelayError of a failed call."""
    return error_from_status(error.code(), error.details() or "", _rich_status(error))


def _rich_status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    # rpc_status.aio.from_call raises if a proxy changed the code or the text, although the details are valid.
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            with contextlib.suppress(DecodeError):
                return status_pb2.Status.FromString(value)
    return None
