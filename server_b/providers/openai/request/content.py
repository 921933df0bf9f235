"""Content of a prompt in the forms that both interfaces share: files as data: URLs, results of tools as text."""

from __future__ import annotations

import base64

from llm_relay.messages import Document, Image, TextPart, ToolResult


def data_url(source: Image | Document) -> str:
    """Returns the bytes of an image or a document as a data: URL."""
    return f"data:{source.media_type};base64,{base64.b64encode(source.data).decode()}"


def result_text(result: ToolResult) -> str:
    """Returns a tool's result as text, because the interface accepts nothing else. A failure begins with `Error:`."""
    texts = [part.text for part in result.content if isinstance(part, TextPart)]
    # Some tools return the same result twice, as text and as JSON.
    if result.structured_json is not None and result.structured_json not in texts:
        texts.append(result.structured_json)
    text = "\n".join(texts)
    return f"Error: {text}" if result.is_error else text
