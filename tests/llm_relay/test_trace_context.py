"""Which headers are read as a trace context, and what is sent on."""

import pytest

from llm_relay.trace_context import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"

BAD = [
    "",
    "00",
    PARENT.upper(),
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"{PARENT}-more",
    f"{PARENT}\n",
    f"01{PARENT[2:]}-{'x' * 10_000}",
    f"00-{TRACE}-{SPAN}-1",
    f"00_{TRACE}_{SPAN}_01",
    f"00-{'٠' * 32}-{SPAN}-01",
]


@pytest.mark.parametrize("traceparent", BAD)
def test_an_invalid_traceparent_is_no_trace(traceparent: str) -> None:
    assert TraceContext.read(traceparent, "vendor=1") is None
    assert TraceContext.from_meta({"traceparent": traceparent}) is None
    assert TraceContext.from_metadata((("traceparent", traceparent),)) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    read = TraceContext.read(f"cc{PARENT[2:]}-what-comes-later")
    assert read is not None
    assert read.metadata == (("traceparent", PARENT),)


@pytest.mark.parametrize("state", ["", "vendor=\x01", "vendor=ü", "v" * 513, "a=1\r\nx-evil: 1"])
def test_a_bad_tracestate_is_left_out(state: str) -> None:
    read = TraceContext.read(PARENT, state)
    assert read is not None
    assert read.metadata == (("traceparent", PARENT),)


def test_every_interface_reads_the_same() -> None:
    given = TraceContext.read(PARENT, "a=1,b=2")
    assert given is not None
    headers = [(b"host", b"x"), (b"tracestate", b"a=1"), (b"traceparent", PARENT.encode()), (b"tracestate", b"b=2")]
    assert TraceContext.from_headers(headers) == given
    assert TraceContext.from_metadata([(name.decode(), value.decode()) for name, value in headers]) == given
    assert TraceContext.from_meta({"traceparent": PARENT, "tracestate": "a=1,b=2", "progressToken": 1}) == given


def test_two_traceparents_are_no_trace() -> None:
    assert TraceContext.from_headers([(b"traceparent", PARENT.encode())] * 2) is None
    assert TraceContext.from_metadata([("traceparent", PARENT)] * 2) is None


@pytest.mark.parametrize("value", [1, None, ["00"], {"traceparent": PARENT}])
def test_values_that_are_not_text_are_no_trace(value: object) -> None:
    assert TraceContext.from_meta({"traceparent": value}) is None
    read = TraceContext.from_meta({"traceparent": PARENT, "tracestate": value})
    assert read is not None
    assert not read.state


def test_absent_headers_are_no_trace() -> None:
    assert TraceContext.from_meta(None) is None
    assert TraceContext.from_meta({}) is None
    assert TraceContext.from_metadata(None) is None
    assert TraceContext.from_headers([]) is None
