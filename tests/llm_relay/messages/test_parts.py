"""Which parts are valid, and in which turns."""

from typing import Any

import pytest

from llm_relay.messages import (
    MAX_PARTS,
    CachePoint,
    Document,
    Image,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.support.refused_fields import SECRET, fields_refused

URL = "https://example.com/a.png?size=1#top"
CALL = ToolCall(id="c1", name="look_up", arguments_json='{"x": 1}')
RESULT = ToolResult(tool_call_id="c1")
REASONING = Reasoning(text="hm", signature=b"\x00\xff", provider="bedrock")


def image(**given: Any) -> Image:
    return Image(**{"media_type": "image/png", "data": b"png"} | given)


def document(**given: Any) -> Document:
    return Document(**{"media_type": "application/pdf", "name": "a.pdf", "data": b"pdf"} | given)


def called_with(call: ToolCall) -> tuple[Turn, ...]:
    return (Turn(role=Role.ASSISTANT, parts=(call,)),)


@pytest.mark.parametrize(
    "part",
    [
        TextPart(text="Grüße 👋\n"),
        image(),
        image(media_type="IMAGE/svg+xml", detail="high"),
        Image(url=URL),
        Image(url="HTTPS://example.com"),
        Image(url="https://bücher.example/ä", media_type="image/jpeg"),
        Image(url="https://[::1]:8443/a@b"),
        document(),
        document(name="", media_type="text/plain"),
        Document(url=URL),
        CachePoint(),
        CachePoint(ttl_s=3600),
        CachePoint(ttl_s=0.5),
    ],
)
def test_good_parts_of_the_user_are_accepted(part: Part) -> None:
    assert Prompt(message="Hi", parts=(part,)).parts == (part,)


@pytest.mark.parametrize(
    "part",
    [
        TextPart(text="\n\n"),
        Reasoning(signature=b"s"),
        Reasoning(redacted=b"r"),
        Reasoning(id="rs_1", provider="openai"),
        REASONING,
        Refusal(text="No."),
    ],
)
def test_good_parts_of_the_model_are_accepted(part: Part) -> None:
    turn = Turn(role=Role.ASSISTANT, parts=(part,))
    assert Prompt(message="Hi", history=(turn,)).history == (turn,)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (TextPart(text=""), "text"),
        (TextPart(text=" "), "text"),
        (TextPart(text=f"{SECRET}\0"), "text"),
        (TextPart(text=b"Hi"), "text"),  # type: ignore[arg-type]
        (Image(media_type="image/png"), "image"),
        (image(url=URL), "image"),
        (image(url=0), "image.url"),
        (image(data="png"), "image.data"),
        (image(data=bytearray(b"png")), "image.data"),
        (image(media_type=""), "image.media_type"),
        (image(media_type="png"), "image.media_type"),
        (image(media_type="application/pdf"), "image.media_type"),
        (image(media_type="image/"), "image.media_type"),
        (image(media_type="image/png; x=1"), "image.media_type"),
        (image(media_type="image/png\n"), "image.media_type"),
        (image(media_type=None), "image.media_type"),
        (image(detail="very high"), "image.detail"),
        (image(detail="h" * 65), "image.detail"),
        (Document(name="a"), "document"),
        (document(url=URL), "document"),
        (document(media_type="pdf"), "document.media_type"),
        (document(media_type=""), "document.media_type"),
        (document(name="a" * 256), "document.name"),
        (document(name="a\0"), "document.name"),
        (CachePoint(ttl_s=0), "cache_point.ttl"),
        (CachePoint(ttl_s=-1), "cache_point.ttl"),
        (CachePoint(ttl_s=float("nan")), "cache_point.ttl"),
        (CachePoint(ttl_s=float("inf")), "cache_point.ttl"),
        (CachePoint(ttl_s=86_401), "cache_point.ttl"),
        (CALL, "tool_call"),
        (REASONING, "reasoning"),
        (Refusal(text="No."), "refusal"),
    ],
)
def test_a_bad_part_of_the_user_is_refused_with_its_position(part: Part, field: str) -> None:
    assert fields_refused(parts=(TextPart(text="Hi"), part)) == [f"parts[1].{field}"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "s3://bucket/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "DATA:image/png,x",
        "ftp://example.com",
        "//example.com/a.png",
        "example.com/a.png",
        "https://",
        "https:///a.png",
        "https:example.com",
        "https://user:sk-live-0123456789@example.com/a.png",
        "https://user@example.com/a.png",
        "https://@example.com/a.png",
        "https://example.com:port/a.png",
        "https://[::1/a.png",
        "https://exa mple.com/",
        "https://example.com/a\nb",
        "https://example.com\\@evil.example/",
        " https://example.com/",
        "https://example.com/\ud800",
        "https://example.com/" + "a" * 8192,
        7,
    ],
)
def test_only_https_urls_without_credentials_are_accepted(url: Any) -> None:
    assert fields_refused(parts=(Image(url=url), Document(url=url))) == ["parts[0].image.url", "parts[1].document.url"]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (TextPart(text=""), "text"),
        (Refusal(text=""), "refusal"),
        (Reasoning(), "reasoning"),
        (Reasoning(provider="openai"), "reasoning"),
        (Reasoning(text="a\0"), "reasoning.text"),
        (Reasoning(text="a", provider="open ai"), "reasoning.provider"),
        (Reasoning(id="\ud800"), "reasoning.id"),
        (Reasoning(signature="s"), "reasoning.signature"),  # type: ignore[arg-type]
        (RESULT, "tool_result"),
    ],
)
def test_a_bad_part_of_the_model_is_refused_with_its_position(part: Part, field: str) -> None:
    turn = Turn(role=Role.ASSISTANT, parts=(part,))
    assert f"history[0].parts[0].{field}" in fields_refused(history=(turn,))


@pytest.mark.parametrize("part", [CALL, RESULT, REASONING, Refusal(text="No.")])
def test_a_system_turn_has_no_calls_results_reasoning_or_refusals(part: Part) -> None:
    refused = fields_refused(history=(Turn(role=Role.SYSTEM, parts=(part,)),))
    assert refused[0].startswith("history[0].parts[0].")


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (ToolCall(id="", name="f"), "id"),
        (ToolCall(id="\0", name="f"), "id"),
        (ToolCall(id="c1", name=""), "name"),
        (ToolCall(id="c1", name="a.b"), "name"),
        (ToolCall(id="c1", name="f" * 65), "name"),
        (ToolCall(id="c1", name="f", arguments_json="{\0}"), "arguments_json"),
        (ToolCall(id="c1", name="f", arguments_json={}), "arguments_json"),  # type: ignore[arg-type]
        (ToolCall(id="c1", name="f", signature="s"), "signature"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_tool_call_is_refused_with_its_position(call: ToolCall, field: str) -> None:
    parts = (ToolResult(tool_call_id=call.id),)
    assert f"history[0].parts[0].tool_call.{field}" in fields_refused(history=called_with(call), parts=parts)


@pytest.mark.parametrize("arguments", ['{"n": 9007199254740993,  "a":1}', "not json", "[1]", '{"a":', "NaN"])
def test_arguments_keep_the_text_that_the_model_wrote(arguments: str) -> None:
    call = ToolCall(id="c1", name="f", arguments_json=arguments)
    prompt = Prompt(history=called_with(call), parts=(RESULT,))
    assert prompt.history[0].parts == (call,)
    assert call.arguments_json == arguments


def test_empty_arguments_are_an_empty_object() -> None:
    call = ToolCall(id="c1", name="f", arguments_json="")
    assert (call.arguments_json, call.arguments_valid) == ("{}", True)


@pytest.mark.parametrize(
    ("arguments", "valid"),
    [
        ("{}", True),
        ('{"n": 9007199254740993}', True),
        ('{"n": ' + "9" * 5000 + "}", True),
        ("[1]", True),
        ("  {}\n", True),
        ("{", False),
        ("{'a': 1}", False),
        ('{"a": NaN}', False),
        ('{"a": Infinity}', False),
        ("{} {}", False),
        ("\ufeff{}", False),
        ("[" * 100_000, False),
    ],
)
def test_arguments_are_valid_if_they_are_json(arguments: str, *, valid: bool) -> None:
    assert ToolCall(id="c1", name="f", arguments_json=arguments).arguments_valid is valid


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        ToolResult(tool_call_id="c1", content=(TextPart(text=""),)),
        ToolResult(tool_call_id="c1", content=(TextPart(text="ok"), image(), document()), is_error=True),
        ToolResult(tool_call_id="c1", structured_json='{"n": 9007199254740993}'),
        ToolResult(tool_call_id="c1", structured_json="null"),
    ],
)
def test_good_tool_results_are_accepted(result: ToolResult) -> None:
    assert Prompt(history=called_with(CALL), parts=(result,)).parts == (result,)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"structured_json": ""}, "structured_json"),
        ({"structured_json": "{'a': 1}"}, "structured_json"),
        ({"structured_json": "[" * 33 + "]" * 33}, "structured_json"),
        ({"structured_json": 7}, "structured_json"),
        ({"content": (TextPart(text="\0"),)}, "content[0].text"),
        ({"content": (image(), CALL)}, "content[1]"),
        ({"content": (RESULT,)}, "content[0]"),
        ({"content": (CachePoint(),)}, "content[0]"),
        ({"content": (None,)}, "content[0]"),
        ({"content": (image(media_type="png"),)}, "content[0].image.media_type"),
    ],
)
def test_a_bad_tool_result_is_refused_with_its_position(given: Any, field: str) -> None:
    result = ToolResult(**{"tool_call_id": "c1"} | given)
    assert fields_refused(history=called_with(CALL), parts=(result,)) == [f"parts[0].tool_result.{field}"]


@pytest.mark.parametrize("part", [None, "Hi", 7])
def test_a_part_of_no_kind_is_refused_with_its_position(part: Any) -> None:
    turn = Turn(role=Role.USER, parts=(TextPart(text="Hi"), part))
    assert fields_refused(history=(turn,), parts=(part,)) == ["history[0].parts[1]", "parts[0]"]


def test_the_number_of_parts_is_limited() -> None:
    texts = (TextPart(text="Hi"),) * (MAX_PARTS // 2)
    turn = Turn(role=Role.USER, parts=texts)
    assert Prompt(message="Hi", history=(turn,), parts=texts).parts == texts
    assert fields_refused(history=(turn,), parts=(*texts, TextPart(text="Hi"))) == ["parts"]


def test_the_content_of_results_counts_as_parts() -> None:
    result = ToolResult(tool_call_id="c1", content=(TextPart(text=""),) * MAX_PARTS)
    assert fields_refused(history=called_with(CALL), parts=(result,)) == ["parts"]
