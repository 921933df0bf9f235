"""Faults that a caller can request from the mock by the model's name, if MOCK_FAULTS=true.

    mock-model?fault=cut&after=3          the stream is cut after 3 pieces: words of text, pieces of calls or reasoning
    mock-model?fault=rate_limit&retry_after=2&times=1
    mock-model?delay=0&word_delay=0.01    no fault, other delays

`after` is a number of pieces (default 3). `times` is how many tries fail before one succeeds (default: all fail).
`retry_after`, `delay` and `word_delay` are in seconds.
"""

from __future__ import annotations

import asyncio
import enum
import math
from dataclasses import dataclass
from urllib.parse import parse_qsl

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    UnknownModel,
)
from llm_relay.plain_numbers import decimal_number, whole_number


class Fault(enum.Enum):
    """The faults."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    AUTH = "auth"
    REJECTED = "rejected"
    UNKNOWN_MODEL = "unknown_model"
    HANG = "hang"
    """The mock sends nothing, not even a first piece."""
    HANG_DURING = "hang_during"
    CUT = "cut"
    """The stream ends without its end mark."""
    MALFORMED = "malformed"


DURING = frozenset({Fault.HANG_DURING, Fault.CUT, Fault.MALFORMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How one call is answered. Times are in seconds."""

    delay_s: float
    word_delay_s: float
    fault: Fault | None = None
    after: int = 3
    times: float = math.inf
    retry_after_s: float | None = None


def asked_behaviour(query: str, usual: Behaviour) -> Behaviour:
    """Returns the behaviour that a model's query requests. Raises ProviderRejected for an unknown one."""
    given = dict(parse_qsl(query))
    try:
        return Behaviour(
            delay_s=_number(given["delay"]) if "delay" in given else usual.delay_s,
            word_delay_s=_number(given["word_delay"]) if "word_delay" in given else usual.word_delay_s,
            fault=Fault(given["fault"]) if "fault" in given else None,
            after=_whole(given["after"]) if "after" in given else 3,
            times=_number(given["times"]) if "times" in given else math.inf,
            retry_after_s=_number(given["retry_after"]) if "retry_after" in given else None,
        )
    except ValueError as error:
        faults = ", ".join(fault.value for fault in Fault)
        raise ProviderRejected(f"model: the mock knows fault={faults}, and numbers for the rest") from error


def _number(text: str) -> float:
    number = decimal_number(text)
    if number is None or number < 0:
        raise ValueError(text)
    return float(number)


def _whole(text: str) -> int:
    number = whole_number(text)
    if number is None or number < 0:
        raise ValueError(text)
    return number


async def fail_before(behaviour: Behaviour) -> None:
    """Raises the error of a fault before the answer, or hangs."""
    match behaviour.fault:
        case Fault.RATE_LIMIT:
            raise ProviderRateLimited(retry_after_s=behaviour.retry_after_s)
        case Fault.SERVER_ERROR:
            raise ProviderUnavailable(retry_after_s=behaviour.retry_after_s, may_have_worked=False)
        case Fault.AUTH:
            raise ProviderAuth
        case Fault.REJECTED:
            raise ProviderRejected
        case Fault.UNKNOWN_MODEL:
            raise UnknownModel
        case Fault.HANG:
            await asyncio.get_running_loop().create_future()
        case _:
            return


async def fail_during(behaviour: Behaviour) -> None:
    """Raises the error of a fault during the answer, or hangs."""
    if behaviour.fault is Fault.HANG_DURING:
        await asyncio.get_running_loop().create_future()
    if behaviour.fault in DURING:
        raise ProviderProtocol
