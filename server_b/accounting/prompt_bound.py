"""The most input tokens that a prompt can be.

A tokenizer that falls back to bytes makes at most as many tokens of a text as it has bytes in UTF-8. Allowances cover
what vendors add themselves: around each turn, and for tools or a schema.
"""

from __future__ import annotations

from collections.abc import Iterator

from llm_relay.messages import (
    NO_OPTIONS,
    CachePoint,
    Document,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    TextPart,
    ToolCall,
    ToolResult,
)
from server_b.accounting.image_bound import image_bound
from server_b.accounting.pdf_pages import MOST_PAGES, pdf_pages

TURN_TOKENS = 16
"""Most tokens of a turn, or of a part of one, besides its text."""
TOOLS_TOKENS = 1024
"""Most tokens of a vendor's own instructions on how to call tools or follow a schema."""
PAGE_TOKENS = 3000
"""Most tokens of the text of a page (Anthropic: 1,500 to 3,000). The page's image is counted in addition."""
EXPANSION = 20
"""Most tokens a byte of a compressed document; more is not seen in practice."""

_LARGEST_PAGE = Image(url="https://example.com/page.png")
"""An image of unknown size."""


def prompt_bound(prompt: Prompt, provider: str, model: str) -> int:
    """Returns the most input tokens that a model of `provider` can count."""
    tokens = _bytes(prompt.message) + TURN_TOKENS
    if prompt.context:
        tokens += _bytes(prompt.context) + TURN_TOKENS
    for turn in prompt.history:
        tokens += _bytes(turn.text) + TURN_TOKENS
        if turn.parts:
            tokens += _parts_bound(turn.parts, provider, model)
    if prompt.parts:
        tokens += _parts_bound(prompt.parts, provider, model)
    if prompt.options is not NO_OPTIONS:
        tokens += _options_bound(prompt.options)
    return tokens


def _parts_bound(parts: tuple[Part, ...], provider: str, model: str) -> int:
    return sum(TURN_TOKENS + _part_bound(part, provider, model) for part in parts)


def _part_bound(part: Part, provider: str, model: str) -> int:
    match part:
        case TextPart() | Refusal():
            return _bytes(part.text)
        case Reasoning():
            return _bytes(part.text) + _bytes(part.id) + _base64_bytes(part.signature) + _base64_bytes(part.redacted)
        case ToolCall():
            return sum(map(_bytes, (part.id, part.name, part.arguments_json))) + _base64_bytes(part.signature)
        case ToolResult():
            own = _bytes(part.tool_call_id) + _bytes(part.structured_json or "")
            return own + _parts_bound(part.content, provider, model)
        case Image():
            return image_bound(part, provider, model)
        case Document():
            return _bytes(part.name) + _document_bound(part, provider, model)
        case CachePoint():
            return 0


def _document_bound(document: Document, provider: str, model: str) -> int:
    if document.media_type.startswith("text/"):
        return len(document.data)
    page = PAGE_TOKENS + image_bound(_LARGEST_PAGE, provider, model)
    if document.url:
        return page * MOST_PAGES
    pages = pdf_pages(document.data)
    if not pages.may_be_hidden:
        return page * pages.most
    return max(page * pages.most, min(page * MOST_PAGES, max(page, EXPANSION * len(document.data))))


def _options_bound(options: Options) -> int:
    texts = [*_option_texts(options)]
    return sum(map(_bytes, texts)) + TOOLS_TOKENS if texts else 0


def _option_texts(options: Options) -> Iterator[str]:
    for tool in options.tools:
        yield from (tool.name, tool.description, tool.input_schema_json)
    if options.response_format is not None:
        yield from (options.response_format.name, options.response_format.schema_json)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _base64_bytes(data: bytes) -> int:
    return -(-len(data) // 3) * 4
