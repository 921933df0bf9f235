"""The faults of a provider, how each is injected, and what every door must report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.faults.conftest import FULL
from tests.standins.script import Fault, FaultKind, Script

WORDS = ("The ", "relay ", "carries ", "wörds", ".")
MANY = 100_000 if FULL else 20_000
MEGABYTE = 2**20
FAR_OFF_S = 3600


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault; with the reason None the answer must still be complete."""

    script: Script
    reason: str | None
    retry_after_s: float | None = None
    """The wait in seconds that every door must pass on; a door with whole seconds rounds up."""
    within_s: float = 0.0
    """How much less it may be: the time until a date shrinks."""


def _case(
    kind: FaultKind, reason: str | None, *, after: int = 0, status: int | None = None, code: str | None = None
) -> Case:
    fault = Fault(kind=kind, after=after, status=status, code=code)
    return Case(script=Script(words=WORDS, fault=fault), reason=reason)


def _refused(reason: str, *, status: int | None = None, code: str | None = None) -> Case:
    return _case(FaultKind.STATUS, reason, status=status, code=code)


def _limited(retry_after_s: float | None, headers: Mapping[str, str], *, within_s: float = 0.0) -> Case:
    script = Script(words=WORDS, fault=Fault(kind=FaultKind.STATUS, status=429, headers=headers))
    return Case(script=script, reason="PROVIDER_RATE_LIMITED", retry_after_s=retry_after_s, within_s=within_s)


def _date() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=FAR_OFF_S), usegmt=True)


def _broken(kind: FaultKind, *, after: int = 2) -> Case:
    return _case(kind, "PROVIDER_PROTOCOL", after=after)


LIMITS = {
    "429 without Retry-After": _limited(None, {}),
    "429, Retry-After in seconds": _limited(7, {"retry-after": "7"}),
    "429, Retry-After as a date": _limited(FAR_OFF_S, {"retry-after": _date()}, within_s=1800),
}
BREAKS = {
    "cut during the answer": _broken(FaultKind.CUT),
    "reset during the answer": _broken(FaultKind.RESET),
    "end without an end mark": _broken(FaultKind.NO_END, after=5),
}
INVALID = {
    "invalid UTF-8": _broken(FaultKind.INVALID_UTF8),
}
UNUSUAL = {
    "UTF-8 split between chunks": _case(FaultKind.SPLIT_UTF8, None),
}

OPENAI = {
    **LIMITS,
    "429, Retry-After in milliseconds": _limited(1.5, {"retry-after-ms": "1500"}),
    "503 with Retry-After": Case(
        script=Script(fault=Fault(kind=FaultKind.STATUS, status=503, headers={"retry-after": "4"})),
        reason="PROVIDER_UNAVAILABLE",
        retry_after_s=4,
    ),
    "502": _refused("PROVIDER_UNAVAILABLE", status=502),
    "429, the quota is used up": _refused("PROVIDER_AUTH", code="insufficient_quota"),
    "error event during the answer": _case(FaultKind.ERROR_EVENT, "PROVIDER_UNAVAILABLE", after=2),
    "error event during the answer, of a rate limit": _case(
        FaultKind.ERROR_EVENT, "PROVIDER_RATE_LIMITED", after=2, code="rate_limit_exceeded"
    ),
    **INVALID,
}
OPENAI_ELSEWHERE = {
    "500": _refused("PROVIDER_UNAVAILABLE", status=500),
    "401": _refused("PROVIDER_AUTH", status=401),
    "404": _refused("UNKNOWN_MODEL", status=404),
    "400": _refused("PROVIDER_REJECTED", status=400),
    "cut before the first byte": _case(FaultKind.CUT_BEFORE, "PROVIDER_UNAVAILABLE"),
    "malformed": _broken(FaultKind.MALFORMED),
    **BREAKS,
    **UNUSUAL,
}
"""Cases that tests/integration/test_doors.py asserts too; here only in the full run, for the table."""

BEDROCK = {
    **LIMITS,
    "500": _refused("PROVIDER_UNAVAILABLE", status=500),
    "503": _refused("PROVIDER_UNAVAILABLE", status=503),
    "403": _refused("PROVIDER_AUTH", status=403),
    "404": _refused("UNKNOWN_MODEL", status=404),
    "400": _refused("PROVIDER_REJECTED", status=400),
    "cut before the first byte": _case(FaultKind.CUT_BEFORE, "PROVIDER_UNAVAILABLE"),
    "error event during the answer": _case(FaultKind.ERROR_EVENT, "PROVIDER_UNAVAILABLE", after=2),
    "error event during the answer, of a rate limit": _case(
        FaultKind.ERROR_EVENT, "PROVIDER_RATE_LIMITED", after=2, code="throttlingException"
    ),
    **BREAKS,
    **INVALID,
    "wrong CRC of a message": _broken(FaultKind.MALFORMED),
    "wrong CRC of its prelude": _broken(FaultKind.MALFORMED_FRAME),
    "bad JSON in a sound frame": _broken(FaultKind.MALFORMED_JSON),
    **UNUSUAL,
}
LARGE = {
    "many tokens": Script(words=("w ",) * MANY, per_write=500),
    "a token of 1 MB": Script(words=("x" * MEGABYTE,)),
}
