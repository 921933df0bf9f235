"""Streams and answers of the Responses API, as OpenAI and compatible servers send them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.field.conftest import OPENAI
from tests.field.field import Case, Field, case, check, open_field
from tests.field.outcome import ESTIMATED, EXACT, CallResult, OneOf, Says, answered, failed
from tests.field.provider import Reset
from tests.field.wire import BOM, DONE, byte_by_byte, compact, event, stream, whole

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
REJECTED, LIMITED = "PROVIDER_REJECTED", "PROVIDER_RATE_LIMITED"
UNAVAILABLE, PROTOCOL = "PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL"
COUNTS = {"input_tokens": 8, "output_tokens": 3, "total_tokens": 11}
CUT = failed(PROTOCOL, "Hello", may_have_worked=True)
BROKEN_OFF = failed(UNAVAILABLE, "Hello", may_have_worked=True)


def sent(kind: str, **members: Any) -> bytes:
    """Writes one named event."""
    return b"event: %b\n" % kind.encode() + event({"type": kind, "sequence_number": 1, **members})


def response(status: str = "completed", output: object = (), usage: object = COUNTS, **more: Any) -> Json:
    """Makes a response; `more` are its other members."""
    head = {"id": "resp_1", "object": "response", "status": status, "model": "m", "error": None}
    return {**head, "output": output, "usage": usage, **more}


def item(content: object = (), **more: Any) -> Json:
    """Makes a message of the output."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content, **more}


def text_part(text: str = "Hello") -> Json:
    return {"type": "output_text", "text": text, "annotations": []}


def delta(text: object, item_id: object = "msg_1") -> bytes:
    """Writes the event with a piece of text."""
    place = {"output_index": 0, "content_index": 0}
    return sent("response.output_text.delta", item_id=item_id, delta=text, logprobs=[], **place)


def end(status: str = "completed", kind: str = "", output: object = (), **more: Any) -> bytes:
    """Writes the last event; `more` are members of the response."""
    return sent(kind or f"response.{status}", response=response(status, output, **more))


MESSAGE = item([text_part()])
CREATED = sent("response.created", response=response("in_progress", usage=None))
ADDED = sent("response.output_item.added", output_index=0, item=item())
PART_DONE = sent("response.content_part.done", item_id="msg_1", output_index=0, content_index=0, part=text_part())
ITEM_DONE = sent("response.output_item.done", output_index=0, item=MESSAGE)
HELLO = CREATED + ADDED + delta("Hel") + delta("lo")
SAID = HELLO + PART_DONE + ITEM_DONE
GOOD = SAID + end(output=[MESSAGE])
KEEP_ALIVE = sent("keepalive")


def good(*parts: bytes, **facts: object) -> Case:
    """Makes a case of a stream with the answer `Hello` and its usage, or these facts."""
    return case(stream(*parts), answered(**{"input": 8, "output": 3, "accuracy": EXACT, **facts}))


def good_whole(document: object, **facts: object) -> Case:
    """Makes a case of a whole response `Hello` with its usage, or these facts."""
    return case(whole(document), answered(**{"input": 8, "output": 3, "accuracy": EXACT, **facts}))


def fails(*parts: bytes | Reset, **facts: Any) -> Case:
    """Makes a case of a stream that fails because of the provider."""
    return case(stream(*parts), failed(**{"reason": UNAVAILABLE, "said": "Hello", "may_have_worked": True, **facts}))


CASES: dict[str, Case] = {
    "a stream": good(GOOD),
    "byte by byte, after a BOM, in CRLF": good(*byte_by_byte(BOM + GOOD.replace(b"\n", b"\r\n"))),
    "events without names": good(b"".join(line + b"\n" for line in GOOD.split(b"\n") if line[:5] != b"event")),
    "an end mark of chat completions": good(GOOD + DONE),
    "signs of life": good(b": hi\n\n", CREATED, KEEP_ALIVE, ADDED, delta("Hel"), b"data:\n\n", delta("lo"), end()),
    "events of other kinds": good(
        HELLO, sent("response.output_text.annotation.added"), sent("codex.rate_limits", rate_limits={}), end()
    ),
    "other ids": good(CREATED, ADDED, delta("Hel", "x1"), delta("lo", "x2"), end(output=[MESSAGE])),
    "no beginnings": good(delta("Hel", None), delta("lo", None), end()),
    "empty deltas": good(CREATED, ADDED, delta(""), delta("Hel"), delta("lo"), delta(""), end()),
    # Where the text is.
    "text only in its item": good(CREATED, ADDED, ITEM_DONE, end()),
    "text only in its part": good(CREATED, ADDED, PART_DONE, end()),
    "text only in the response": good(CREATED, end(output=[MESSAGE])),
    "text that is not a part": good(CREATED, end(output=[item("Hello")])),
    "whole": good_whole(response(output=[MESSAGE])),
    "whole, with text that is not a part": good_whole(response(output=[item("Hello")])),
    "whole, with a list of texts": good_whole(response(output=[item(["Hel", "lo"])])),
    "whole, with an output that is no list": case(whole(response(output={"text": "Hello"})), failed(PROTOCOL)),
    "whole, with text beside the output": good_whole(response(output_text="Hello")),
    "whole, with an error of empty members": good_whole(
        response(output=[MESSAGE], error={"code": None, "message": None})
    ),
    "whole, without its end": case(whole(response("in_progress")), failed(PROTOCOL)),
    "whole, cut": case(
        stream(compact(response(output=[MESSAGE]))[:-9], content_type="application/json"), failed(PROTOCOL)
    ),
    # Ends.
    "a limit": good(SAID, end("incomplete", incomplete_details={"reason": "max_output_tokens"}), finish="length"),
    "a filter": good(SAID, end("incomplete", incomplete_details={"reason": "content_filter"}), finish="content_filter"),
    "a limit that is named as completed": good(
        SAID,
        end("incomplete", "response.completed", incomplete_details={"reason": "max_output_tokens"}),
        finish="length",
    ),
    "an end without a reason": good(SAID, end("incomplete"), finish="other"),
    "an end because the provider failed": fails(SAID, end("incomplete", incomplete_details={"reason": "server_error"})),
    "OpenRouter's end": good(SAID, end("completed", "response.done"), DONE),
    "an end without a status": good(SAID, sent("response.done", response={"usage": COUNTS})),
    "an end without a response": case(stream(SAID, sent("response.completed", response=None)), CUT),
    "only the end mark of chat completions": case(stream(SAID, DONE), CUT),
    "a cut": case(stream(SAID), CUT),
    "a reset": case(stream(SAID, Reset()), CUT),
    "only a beginning": case(stream(CREATED), failed(PROTOCOL, may_have_worked=True)),
    # Failures.
    "a failure": fails(HELLO, end("failed", usage=None, error={"code": "server_error", "message": "x"})),
    "a failure with a usage": fails(
        HELLO, end("failed", error={"code": "server_error", "message": "x"}), input=8, output=3, accuracy=EXACT
    ),
    "a failure that is named as completed": fails(
        HELLO, end("failed", "response.completed", error={"code": "server_error", "message": "x"})
    ),
    "a failure without an error": fails(HELLO, end("failed", usage=None)),
    "an error event": fails(HELLO, sent("error", code="server_error", message="x", param=None)),
    "an error event with an error": fails(HELLO, sent("error", error={"code": "server_error", "message": "x"})),
    "an error event after the end": good(GOOD, sent("error", code="server_error", message="x")),
    "a limit as the first event": case(
        stream(sent("error", code="rate_limit_exceeded", message="x")), failed(LIMITED, requests=3)
    ),
    "a prompt that is too long": case(
        stream(CREATED, end("failed", usage=None, error={"code": "context_length_exceeded", "message": "x"})),
        failed(REJECTED, message=Says("too long")),
    ),
    # Usage.
    "no usage": good(SAID, end(usage=None), input=OneOf(*range(1, 20)), output=OneOf(1, 2), accuracy=ESTIMATED),
    "reasoning on top": good(
        SAID,
        end(usage={**COUNTS, "total_tokens": 31, "output_tokens_details": {"reasoning_tokens": 20}}),
        output=23,
        reasoning=20,
    ),
    "names of chat completions": good(SAID, end(usage={"prompt_tokens": 8, "completion_tokens": 3})),
    # Damage.
    "a delta that is no text": case(
        stream(CREATED, delta("Hel"), delta({"text": "lo"}), end()), failed(PROTOCOL, "Hel")
    ),
    "unclosed JSON": case(stream(CREATED, delta("Hel"), delta("lo")[:-4] + b"\n\n", end()), failed(PROTOCOL, "Hel")),
}


@pytest.fixture(scope="module")
async def responses() -> AsyncIterator[Field]:
    """A stack whose provider speaks the Responses API."""
    async with open_field(**OPENAI, openai_api="responses") as opened:
        yield opened


@pytest.fixture(scope="module")
async def response_results(responses: Field) -> dict[str, list[CallResult]]:
    """What callers got in each case, by its name."""
    return await responses.play(CASES, "responses")


@pytest.mark.parametrize("name", CASES)
async def test_a_response_is_read_in_any_form(name: str, response_results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], response_results[name])
