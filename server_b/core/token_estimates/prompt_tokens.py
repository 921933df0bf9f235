"""Estimates the tokens of a prompt: texts, tools and schemas by their text, images by the vendors' rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_relay.messages import (
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
from server_b.core.token_estimates.image_tokens import image_tokens
from server_b.core.token_estimates.text_tokens import estimated_tokens

TOKENS_PER_TURN = 4
"""Tokens that the chat format adds to each turn."""
PAGE_TOKENS = 1_500
"""Tokens of a PDF page, whose text is not read here (Anthropic: 1,500 to 3,000 tokens a page)."""


def prompt_tokens(prompt: Prompt, provider: str) -> int:
    """Returns an estimate of the input tokens that `provider` counts."""
    texts = [prompt.message, *(turn.text for turn in prompt.history)]
    if prompt.context:
        texts.append(prompt.context)
    tokens = sum(estimated_tokens(text) + TOKENS_PER_TURN for text in texts)
    for parts in (prompt.parts, *(turn.parts for turn in prompt.history)):
        if parts:
            tokens += sum(_part_tokens(part, provider) for part in parts)
    return tokens + sum(map(estimated_tokens, _option_texts(prompt.options)))


def _part_tokens(part: Part, provider: str) -> int:
    match part:
        case Image():
            return image_tokens(part, provider)
        case Document():
            return _document_tokens(part)
        case ToolResult():
            return estimated_tokens(part.structured_json or "") + sum(
                _part_tokens(one, provider) for one in part.content
            )
        case _:
            return sum(map(estimated_tokens, _part_texts(part)))


def _part_texts(part: Part) -> Iterable[str]:
    match part:
        case TextPart() | Reasoning() | Refusal():
            return (part.text,)
        case ToolCall():
            return (part.name, part.arguments_json)
        case _:
            return ()


def _document_tokens(document: Document) -> int:
    if document.media_type.startswith("text/"):
        return estimated_tokens(document.data.decode(errors="replace"))
    pages = document.data.count(b"/Type /Page") + document.data.count(b"/Type/Page") - document.data.count(b"/Pages")
    return PAGE_TOKENS * max(1, pages)


def _option_texts(options: Options) -> Iterator[str]:
    for tool in options.tools:
        yield from (tool.name, tool.description, tool.input_schema_json)
    if options.response_format is not None:
        yield options.response_format.schema_json
