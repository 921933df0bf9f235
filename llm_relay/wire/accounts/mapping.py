"""Maps a dataclass to a protobuf message whose fields have the same names, and back.

Fields map by their protobuf type: Timestamp to datetime, Duration to seconds (a field `duration` to `duration_s`), an
enum value to the member of the same name, a message to a nested shape. None is a field that is absent.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any, Generic, TypeVar

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from llm_relay.errors import InvalidRequest, Violation
from llm_relay.wire.codec.times import duration_from_wire, duration_to_wire, time_from_wire, time_to_wire

M = TypeVar("M", bound=Message)
D = TypeVar("D")

_SECONDS = "_s"
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Shape(Generic[M, D]):
    """One message and its dataclass. Fields that only one of them has are ignored."""

    def __init__(
        self,
        message: type[M],
        data: type[D],
        *,
        nested: Mapping[str, Shape[Any, Any]] | None = None,
        enums: Mapping[str, type[enum.Enum]] | None = None,
    ) -> None:
        """`nested` and `enums` are the fields that are our messages and enums, by name."""
        self._message = message
        self._data = data
        self._nested = nested or {}
        self._enums = enums or {}
        every = [
            _Field(one.name, found, self._enums.get(one.name), self._nested.get(one.name))
            for one in fields(data)  # type: ignore[arg-type]  # mypy has no name for all dataclasses
            if (found := message.DESCRIPTOR.fields_by_name.get(one.name.removesuffix(_SECONDS)))
        ]
        self._plain = [field.name for field in every if field.is_plain]
        """Numbers, texts and flags that are never absent and keep their name: most fields, so they have a fast path."""
        self._fields = [field for field in every if not field.is_plain]
        self._required = {
            one.name
            for one in fields(data)  # type: ignore[arg-type]
            if one.default is MISSING and one.default_factory is MISSING
        }

    def to_wire(self, data: D, **others: Any) -> M:
        """Returns the message. `others` are fields that the dataclass does not have."""
        message = self._message(**{name: value for name in self._plain if (value := getattr(data, name))}, **others)
        for field in self._fields:
            value = getattr(data, field.name)
            if value is not None and not (value == "" and field.is_in_oneof):
                _write(message, field, value)
        return message

    def from_wire(self, message: M, *, strict: bool = False, **others: Any) -> D:
        """Returns the dataclass. `others` are fields that the message lacks, or has in another form.

        `strict`, for requests: raises InvalidRequest for what is missing or has a value that this version does not
        know. Otherwise an unknown enum value becomes the last member.
        """
        values = {name: getattr(message, name) for name in self._plain}
        values.update(others)
        for field in self._fields:
            if field.name not in others and (value := _read(message, field, strict=strict)) is not None:
                values[field.name] = value
        for name in self._required.difference(values):
            if strict:
                raise InvalidRequest.of(Violation(name, "is required"))
            values[name] = None
        return self._data(**values)


class _Field:
    """A field under both of its names, and how its values map."""

    def __init__(self, name: str, wire: Any, members: type[enum.Enum] | None, nested: Shape[Any, Any] | None) -> None:
        self.name = name
        self.wire = wire
        self.is_map = bool(wire.message_type and wire.message_type.GetOptions().map_entry)
        self.is_in_oneof = bool(wire.containing_oneof)
        self.is_plain = name == wire.name and not (
            wire.message_type or wire.enum_type or wire.is_repeated or wire.has_presence
        )
        self._nested = nested
        self._members = dict(_numbered(wire.enum_type, members)) if members else {}
        self._numbers = {member: number for number, member in self._members.items()}

    def to_wire(self, value: Any) -> Any:
        if self._numbers:
            return self._numbers[value]
        if self._nested:
            return self._nested.to_wire(value)
        if self.wire.message_type is Timestamp.DESCRIPTOR:
            return time_to_wire(value)
        return duration_to_wire(value) if self.wire.message_type is Duration.DESCRIPTOR else value

    def from_wire(self, value: Any, *, strict: bool) -> Any:
        if self._members:
            return self._member(value, strict=strict)
        if self._nested:
            return self._nested.from_wire(value, strict=strict)
        if self.wire.message_type is Timestamp.DESCRIPTOR:
            return time_from_wire(value)
        return duration_from_wire(value) if self.wire.message_type is Duration.DESCRIPTOR else value

    def _member(self, number: int, *, strict: bool) -> enum.Enum | None:
        if number in self._members:
            return self._members[number]
        if number == 0 and not self.wire.is_repeated:
            return None
        if strict:
            raise InvalidRequest.of(Violation(self.name, "has a value that this version does not know"))
        return list(self._numbers)[-1]


def _numbered(wire: EnumDescriptor, members: type[enum.Enum]) -> Iterator[tuple[int, enum.Enum]]:
    """Yields the members with their numbers on the wire, where CallState.OPEN is CALL_STATE_OPEN."""
    prefix = _WORD_START.sub("_", wire.name).upper()
    for member in members:
        yield wire.values_by_name[f"{prefix}_{member.name}"].number, member


def _write(message: Message, field: _Field, value: Any) -> None:
    name = field.wire.name
    if field.is_map:
        getattr(message, name).update(value)
    elif field.wire.is_repeated:
        getattr(message, name).extend(field.to_wire(one) for one in value)
    elif field.wire.message_type:
        getattr(message, name).CopyFrom(field.to_wire(value))
    else:
        setattr(message, name, field.to_wire(value))


def _read(message: Message, field: _Field, *, strict: bool) -> Any:
    value = getattr(message, field.wire.name)
    if field.is_map:
        return dict(value)
    if field.wire.is_repeated:
        return tuple(field.from_wire(one, strict=strict) for one in value)
    if field.wire.has_presence and not message.HasField(field.wire.name):
        return None
    return field.from_wire(value, strict=strict)
