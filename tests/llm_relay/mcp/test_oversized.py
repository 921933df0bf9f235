"""Requests that are too large are identified from their two ends."""

import json

import pytest

from llm_relay.mcp.oversized import HEAD_BYTES, TAIL_BYTES, Oversized, oversized

ARGUMENTS = {"message": 'x"},"id":9}' * HEAD_BYTES, "id": "not this one"}
PARAMS = {"name": "send_message", "_meta": {"id": 8}, "arguments": ARGUMENTS}
REQUEST = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": PARAMS}


def found(*names: str, **changed: object) -> Oversized:
    request = {name: {**REQUEST, **changed}[name] for name in names}
    text = json.dumps(request).encode()
    return oversized(text[:HEAD_BYTES], text[-TAIL_BYTES:])


@pytest.mark.parametrize(
    "order",
    [
        ("jsonrpc", "id", "method", "params"),  # Python's SDK, then TypeScript's
        ("method", "params", "jsonrpc", "id"),  # TypeScript's
        ("method", "params", "id", "jsonrpc"),
        ("id", "method", "jsonrpc", "params"),
    ],
)
def test_the_id_is_found_at_either_end(order: tuple[str, ...]) -> None:
    assert found(*order) == Oversized(id=7, method="tools/call")


@pytest.mark.parametrize("given", ["a", 'a"b\\', "", 0, 10**15])
def test_ids_are_text_or_numbers(given: object) -> None:
    for order in (("id", "method", "params"), ("method", "params", "id")):
        assert found(*order, id=given).id == given


@pytest.mark.parametrize("given", [None, True, 1.5, ["a"], {"id": 3}])
def test_other_values_are_no_ids(given: object) -> None:
    assert found("id", "method", "params", id=given).id is None


def test_ids_within_the_arguments_are_no_ids() -> None:
    assert found("method", "params").id is None
    assert found("params").method == ""


@pytest.mark.parametrize("text", [b"", b"{", b'{"id"', b'{"id":', b'{"id": 7', b"[1]", b"\xff\xfe", b'{"id" 7}'])
def test_a_request_that_ends_too_early_has_no_id(text: bytes) -> None:
    assert oversized(text).id is None
