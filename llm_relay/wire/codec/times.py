"""Converts times and durations."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime.fromtimestamp(0, UTC)
_NANOS_PER_SECOND = 1_000_000_000


def time_to_wire(time: datetime) -> Timestamp:
    return Timestamp(seconds=int(time.timestamp()), nanos=time.microsecond * 1000)


def time_from_wire(time: Timestamp) -> datetime:
    try:
        return datetime.fromtimestamp(time.seconds, UTC).replace(microsecond=time.nanos // 1000)
    except (OverflowError, ValueError, OSError):  # not a time of the calendar
        return _EPOCH


def duration_to_wire(seconds: float) -> Duration:
    whole, nanos = divmod(round(seconds * _NANOS_PER_SECOND), _NANOS_PER_SECOND)
    return Duration(seconds=whole, nanos=nanos)


def duration_from_wire(duration: Duration) -> float:
    return (duration.seconds * _NANOS_PER_SECOND + duration.nanos) / _NANOS_PER_SECOND
