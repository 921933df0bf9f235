"""Numbers and times in query parameters and forms. Forms that pydantic accepts but people do not write are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from llm_relay.plain_numbers import decimal_number, whole_number


def _whole(value: object) -> object:
    if isinstance(value, str) and whole_number(value) is None:
        raise PydanticCustomError("plain_whole_number", "must be a whole number in plain digits, such as 50")
    return value


def _decimal(value: object) -> object:
    if isinstance(value, str) and decimal_number(value) is None:
        raise PydanticCustomError("plain_number", "must be a number in plain digits, such as 12.50")
    return value


def _moment(value: object) -> object:
    # pydantic reads a number as seconds or milliseconds since 1970, so that 2026 would be a time on 1 January 1970.
    if isinstance(value, int | float) or (isinstance(value, str) and value[4:5] != "-"):
        raise PydanticCustomError("plain_time", "must be a date or a time, such as 2026-11-26 or 2026-11-26T09:30:00Z")
    return value


PlainInt = Annotated[int, BeforeValidator(_whole)]
"""A whole number, such as 50."""
PlainDecimal = BeforeValidator(_decimal)
"""For a number that may be text, such as 12.50."""
Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A date or a time, such as 2026-11-26 or 2026-11-26T09:30:00Z."""
