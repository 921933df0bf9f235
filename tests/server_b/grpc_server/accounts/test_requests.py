"""Requests with texts that no database can look for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.errors import InvalidRequest
from server_b.grpc_server.accounts.requests import parse

REQUESTS = [method.input_type for method in pb.DESCRIPTOR.services_by_name["AccountService"].methods]
Path = tuple[FieldDescriptor, ...]


def texts(message: Descriptor, *above: FieldDescriptor) -> Iterator[Path]:
    """Yields the path to each text in a message."""
    for field in message.fields:
        if field.message_type is not None and field.message_type.file is message.file:
            yield from texts(field.message_type, *above, field)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield (*above, field)


def encoded(path: Path, text: str) -> bytes:
    """Encodes a message in which only the text at the path is set."""
    first, *others = path
    value = encoded(tuple(others), text) if others else text.encode()
    return bytes([first.number << 3 | 2, len(value)]) + value


def name(request: Descriptor, path: Path) -> str:
    return ".".join((request.name, *(field.name for field in path)))


PATHS = [pytest.param(request, path, id=name(request, path)) for request in REQUESTS for path in texts(request)]


@pytest.mark.parametrize(("request_", "path"), PATHS)
def test_no_text_may_contain_nul(request_: Descriptor, path: Path) -> None:
    type_ = getattr(pb, request_.name)
    with pytest.raises(InvalidRequest) as raised:
        parse(type_, encoded(path, "a\0b"))
    names = {field.name for field in path}
    assert [violation.field in names for violation in raised.value.violations] == [True]
    parse(type_, encoded(path, "ab"))


def test_numbers_and_times_may_be_encoded_with_zeros() -> None:
    request = pb.PutBudgetRequest(budget=pb.Budget(caller="alice", limit_nano_usd=1 << 35))
    request.budget.raised_until.FromSeconds(0)
    assert b"\0" in request.SerializeToString()
    assert parse(pb.PutBudgetRequest, request.SerializeToString()) == request
