"""Builds strategies for messages from a protobuf descriptor, with values that often break things."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[A-Za-z0-9._:-]{1,128}", fullmatch=True),
    st.sampled_from(["", " ", "\0", "user", "a" * 129, "mock-model", "\u2028", "👩‍👩‍👧", "e\u0301", "ﷺ" * 50]),
)
_FLOATS = st.floats() | st.floats(0, 2) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324, 2.0000001])
_BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}
LONGEST_LIST = 4
DEEPEST = 5
"""How deep messages of a recursive type are nested."""


def messages(descriptor: Any, depth: int = 0, **texts: st.SearchStrategy[str]) -> st.SearchStrategy[Message]:
    """Returns a strategy for messages of this type, any field of which may be absent.

    `texts` are strategies for text fields of these names, to reach what random text never would.
    """
    create = GetMessageClass(descriptor)
    within = [field for field in descriptor.fields if field.message_type is None or depth < DEEPEST]
    fields = {field.name: _field(field, depth, texts) for field in within}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: _message(create, given))


def _message(create: type[Message], given: dict[str, Any]) -> Message:
    groups = {field.name: field.containing_oneof.name for field in create.DESCRIPTOR.fields if field.containing_oneof}
    chosen = {groups.get(name, name): name for name in given}
    return create(**{name: given[name] for name in chosen.values()})


def _field(field: FieldDescriptor, depth: int, texts: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[Any]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = (_value(entry.fields_by_name[name], depth, texts) for name in ("key", "value"))
        return st.dictionaries(key, value, max_size=LONGEST_LIST)
    value = _value(field, depth, texts)
    return st.lists(value, max_size=LONGEST_LIST) if field.is_repeated else value


def _value(field: FieldDescriptor, depth: int, texts: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_MESSAGE:
            assert field.message_type is not None
            return messages(field.message_type, depth + 1, **texts)
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return st.binary(max_size=40)
        case FieldDescriptor.CPPTYPE_STRING:
            return texts.get(field.name, st.nothing()) | _TEXTS
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return _FLOATS
        case kind:
            least, most = _BOUNDS[kind]
            return st.integers(least, most) | st.integers(max(least, -1), 3)
