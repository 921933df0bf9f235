"""No tokenizer that falls back to bytes gives a prompt more tokens than its bound, and no settled call costs more."""

import base64
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_relay.messages import (
    Accuracy,
    CachePoint,
    Document,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    ResponseFormat,
    ResponseKind,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
)
from server_b.accounting.cost_bound import Estimate, estimated
from server_b.accounting.image_bound import CLAUDE_MOST_TOKENS, OTHERS_MOST_TOKENS, image_bound
from server_b.accounting.prompt_bound import TOOLS_TOKENS, TURN_TOKENS, prompt_bound
from server_b.core.token_estimates.image_tokens import image_tokens
from server_b.core.token_estimates.prompt_tokens import prompt_tokens
from server_b.pricing.endpoints import price_lists
from server_b.pricing.operator_prices import OperatorPrices
from server_b.pricing.price_list import PriceList, UnknownPrices
from server_b.pricing.prices_setting import prices_from_text
from server_b.providers.base import AskedModel

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60).filter(str.strip)
LISTS = {
    "gpt-4o": price_lists({"openai": "https://api.openai.com/v1"})["openai"],
    "gpt-5": price_lists({"openai": "https://api.openai.com/v1"})["openai"],
    "gemini-2.5-pro": price_lists({"openai": "https://generativelanguage.googleapis.com/v1beta/openai/"})["openai"],
    "claude-sonnet-4-5": price_lists({"openai": "https://api.anthropic.com/v1/"})["openai"],
    "set": OperatorPrices("openai", UnknownPrices(), prices_from_text("openai/set=3/15/0.3/3.75"), lambda: ()),
}
LONG = 300_000
"""More input tokens than any step in a price."""


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)


def test_a_plain_prompt_has_a_token_for_each_byte_and_16_for_each_turn() -> None:
    prompt = Prompt(message="Grüße", context="Be brief", history=(Turn(role=Role.USER, text="世"),))
    assert prompt_bound(prompt, "openai", "gpt-4o") == (7 + 16) + (8 + 16) + (3 + 16)


def test_tools_and_schemas_count_with_what_vendors_add() -> None:
    tool = Tool(name="time", description="Tells the time", input_schema_json='{"type":"object"}')
    shape = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="n", schema_json='{"type":"object"}')
    prompt = Prompt(message="Hi", options=Options(tools=(tool,), response_format=shape))
    assert prompt_bound(prompt, "openai", "gpt-4o") == 2 + TURN_TOKENS + (4 + 14 + 17) + (1 + 17) + TOOLS_TOKENS


PARTS: list[Part] = [
    TextPart(text="世界" * 20),
    Reasoning(text="thought", signature=b"s" * 100, provider="openai"),
    Reasoning(redacted=b"r" * 100, provider="openai"),
    ToolCall(id="c", name="time", arguments_json='{"zone":"Europe/Berlin"}'),
    CachePoint(),
]


@pytest.mark.parametrize("part", PARTS, ids=["text", "reasoning", "redacted", "tool_call", "cache_point"])
def test_every_part_counts_with_the_bytes_that_are_sent(part: Part) -> None:
    plain = Prompt(message="Hi")
    with_part = Prompt(message="Hi")
    object.__setattr__(with_part, "history", (Turn(role=Role.ASSISTANT, parts=(part,)),))
    carried = sum(
        len(value.encode() if isinstance(value, str) else base64.b64encode(value))
        for name in ("text", "id", "signature", "redacted", "name", "arguments_json")
        if isinstance(value := getattr(part, name, ""), str | bytes)
    )
    more = prompt_bound(with_part, "openai", "m") - prompt_bound(plain, "openai", "m")
    assert more >= carried + TURN_TOKENS
    assert prompt_bound(with_part, "openai", "m") >= prompt_tokens(with_part, "openai")


def test_a_result_counts_with_all_its_content() -> None:
    call = Turn(role=Role.ASSISTANT, parts=(ToolCall(id="c", name="time"),))
    text = (TextPart(text="x" * 100),)
    results = (
        ToolResult(tool_call_id="c"),
        ToolResult(tool_call_id="c", content=text),
        ToolResult(tool_call_id="c", content=text, structured_json='{"a":1}'),
    )
    bare, with_text, whole = (prompt_bound(Prompt(history=(call,), parts=(one,)), "openai", "m") for one in results)
    assert (with_text - bare, whole - with_text) == (100 + TURN_TOKENS, 7)


@pytest.mark.parametrize("provider", ["openai", "bedrock"])
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "o3", "qwen2.5-vl", "anthropic.claude-sonnet-4-5"])
@pytest.mark.parametrize("detail", ["", "low", "high"])
@pytest.mark.parametrize("size", [(1, 1), (512, 512), (513, 1025), (768, 2048), (4000, 3000), (1, 100_000)])
def test_an_image_is_never_estimated_over_its_bound(
    provider: str, model: str, detail: str, size: tuple[int, int]
) -> None:
    image = Image(media_type="image/png", data=png(*size), detail=detail)
    largest = image_bound(Image(url="https://example.com/a.png"), provider, model)
    assert image_tokens(image, provider) <= image_bound(image, provider, model) <= largest


def test_an_image_of_unreadable_size_counts_as_the_vendors_largest() -> None:
    unreadable = Image(media_type="image/png", data=b"no picture")
    assert image_bound(unreadable, "bedrock", "anthropic.claude-sonnet-4-5") == CLAUDE_MOST_TOKENS
    assert image_bound(unreadable, "openai", "gpt-4o-mini") == 2833 + 8 * 5667
    assert image_bound(unreadable, "openai", "qwen2.5-vl") == OTHERS_MOST_TOKENS


def test_an_image_for_a_model_of_another_vendor_counts_by_the_rule_that_counts_the_most() -> None:
    image = Image(media_type="image/png", data=png(4000, 3000))
    assert image_bound(image, "openai", "qwen2.5-vl") == 143 * 108 + 2 > image_bound(image, "openai", "gpt-4o")


@pytest.mark.parametrize(
    ("document", "at_least", "at_most"),
    [
        (Document(media_type="text/plain", data=b"x" * 5000), 5000, 5200),
        (Document(media_type="application/pdf", data=b"/Type /Pages /Type /Page /Type/Page"), 6000, 30_000),
        (
            Document(media_type="application/pdf", data=b"/Type /Page" + b"/Type\n/Page /Type  /Page" * 4),
            50_000,
            150_000,
        ),
        (Document(media_type="application/pdf", data=b"compressed" * 1000), 200_000, 200_200),
        (Document(media_type="application/pdf", data=b"/Type /Page /Type /ObjStm" + b"x" * 9975), 200_000, 200_200),
        (Document(media_type="application/pdf", data=b"/Type /Page /Type /Obj#53tm" + b"x" * 9973), 200_000, 200_200),
        (Document(media_type="application/pdf", data=b"<</Kids [1 0 R 2 0 R 3 0 R]>>"), 9000, 30_000),
        (Document(url="https://example.com/a.pdf"), 300_000, 2_000_000),
    ],
    ids=["text", "pages", "spaces", "compressed", "hidden pages", "escaped", "pages of no type", "url"],
)
def test_a_document_counts_by_its_text_its_pages_or_its_bytes(document: Document, at_least: int, at_most: int) -> None:
    bound = prompt_bound(Prompt(message="Hi", parts=(document,)), "bedrock", "anthropic.claude-sonnet-4-5")
    assert at_least <= bound <= at_most


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    history = tuple(Turn(role=role, text=draw(TEXTS)) for role in draw(st.lists(st.sampled_from(Role), max_size=4)))
    tools = tuple(
        Tool(name=f"tool_{number}", description=draw(TEXTS), input_schema_json='{"type":"object"}')
        for number in range(draw(st.integers(0, 2)))
    )
    parts: tuple[Part, ...] = tuple(TextPart(text=draw(TEXTS)) for _ in range(draw(st.integers(0, 2))))
    if draw(st.booleans()):
        parts += (Image(media_type="image/png", data=png(draw(st.integers(1, 9000)), draw(st.integers(1, 9000)))),)
    return Prompt(
        message=draw(TEXTS) * draw(st.sampled_from((1, 1, 1, LONG // 20))),
        context=draw(st.none() | TEXTS),
        history=history,
        parts=parts,
        options=Options(tools=tools),
    )


def bound_nano_usd(prices: PriceList, *, most_output_tokens: int = 1, tier: str = "", **names: Any) -> int | None:
    """Returns the bound of a prompt of 18 tokens at most."""
    prompt = Prompt(message="Hi", options=Options(service_tier=tier))
    asked = AskedModel(**({"provider": "openai", "model": "m"} | names), most_output_tokens=most_output_tokens)
    return estimated(asked, prompt, prices, Estimate.BOUND).bound_nano_usd


@pytest.mark.parametrize(("price", "bound"), [("0.00007", 2), ("0.00005", 1), ("0.0001", 2), ("0", 0)])
def test_a_bound_is_rounded_up_to_a_whole_nano_dollar(price: str, bound: int) -> None:
    prices = OperatorPrices("openai", UnknownPrices(), prices_from_text(f"openai/*={price}/0"), lambda: ())
    assert bound_nano_usd(prices) == bound


def test_a_bound_is_that_of_the_requested_tier() -> None:
    standard, priority = (bound_nano_usd(LISTS["gpt-5"], model="gpt-5", tier=tier) for tier in ("", "priority"))
    assert standard is not None
    assert priority is not None
    assert priority > standard


def test_a_model_without_a_price_of_its_own_is_bounded_by_its_other_names() -> None:
    assert bound_nano_usd(LISTS["set"], model="profile") is None
    other = bound_nano_usd(LISTS["set"], model="profile", priced_as=("unknown", "set"))
    assert other == bound_nano_usd(LISTS["set"], model="set")


@settings(max_examples=150, deadline=None)
@given(prompt=prompts(), most=st.integers(1, 100_000), model=st.sampled_from(sorted(LISTS)), data=st.data())
def test_no_usage_that_a_byte_level_tokenizer_can_report_costs_more_than_the_bound(
    prompt: Prompt, most: int, model: str, data: st.DataObject
) -> None:
    asked = AskedModel(provider="openai", model=model, most_output_tokens=most)
    bound = estimated(asked, prompt, LISTS[model], Estimate.BOUND).bound_nano_usd
    assert bound is not None
    inputs = data.draw(st.integers(0, _most_tokens(prompt)))
    read = data.draw(st.integers(0, inputs))
    usage = Usage(
        input_tokens=inputs,
        output_tokens=data.draw(st.integers(0, most)),
        cache_read_tokens=read,
        cache_write_tokens=data.draw(st.integers(0, inputs - read)),
        accuracy=Accuracy.EXACT,
    )
    cost = LISTS[model].cost(model, usage).nano_usd
    assert cost is not None
    assert cost <= bound


def _most_tokens(prompt: Prompt) -> int:
    """Counts tokens as a tokenizer does whose tokens are bytes, with the turns' frames, and images by OpenAI's rule."""
    texts = [prompt.message, prompt.context or "", *(turn.text for turn in prompt.history)]
    texts += [part.text for part in prompt.parts if isinstance(part, TextPart)]
    texts += [text for tool in prompt.options.tools for text in (tool.name, tool.description, tool.input_schema_json)]
    images = sum(image_tokens(part, "openai") for part in prompt.parts if isinstance(part, Image))
    return sum(len(text.encode()) for text in texts) + 4 * (len(prompt.history) + 2) + images


@given(prompt=prompts())
@settings(max_examples=50, deadline=None)
def test_our_estimate_is_never_over_the_bound(prompt: Prompt) -> None:
    assert prompt_tokens(prompt, "openai") <= prompt_bound(prompt, "openai", "gpt-4o")


def test_a_likely_estimate_is_less_than_the_bound_which_still_limits_the_call() -> None:
    prompt = Prompt(message="Tell me a story about a mouse. " * 100)
    asked = AskedModel(provider="openai", model="gpt-4o", most_output_tokens=1000)
    one = estimated(asked, prompt, LISTS["gpt-4o"], Estimate.LIKELY)
    assert one.bound_nano_usd == estimated(asked, prompt, LISTS["gpt-4o"], Estimate.BOUND).bound_nano_usd
    assert one.reserved_nano_usd is not None
    assert one.bound_nano_usd is not None
    assert Decimal(one.reserved_nano_usd) < Decimal(one.bound_nano_usd) / 2
