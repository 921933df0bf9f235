"""Translates the messages of a chat completion into the prompt's terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.openai.bodies.chat import (
    AssistantMessage,
    AudioContent,
    Content,
    File,
    FileContent,
    ImageContent,
    InstructionMessage,
    Message,
    ReasoningDetail,
    RefusalContent,
    TextContent,
    ToolMessage,
    UserMessage,
)
from gateway.openai.data_urls import bytes_of_data_url, given_bytes, image_of_url
from gateway.openai.errors import BadParam
from gateway.openai.request.conversation import ConversationMessage
from llm_relay.messages import Document, Image, Part, Reasoning, Refusal, Role, TextPart, ToolCall, ToolResult

_REFUSED = {
    "function_call": "is not supported: use tool_calls",
    "audio": "is not supported: the relay does not support audio",
}
"""Members of an earlier answer that must not be ignored, because the model would miss them."""


def conversation_messages(messages: Sequence[Message]) -> Iterator[ConversationMessage]:
    """Yields what each message says. Raises BadParam that names the place of an invalid member."""
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        match message:
            case InstructionMessage():
                text = message.content if isinstance(message.content, str) else _joined(message.content)
                yield ConversationMessage(place, Role.SYSTEM, [TextPart(text=text)] if text else [])
            case UserMessage():
                yield ConversationMessage(place, Role.USER, _content_parts(message.content, f"{place}.content"))
            case AssistantMessage():
                yield ConversationMessage(place, Role.ASSISTANT, _assistant_parts(message, place))
            case ToolMessage():
                yield ConversationMessage(place, Role.USER, [_tool_result(message, place)])


def _joined(contents: Sequence[TextContent]) -> str:
    return "\n".join(content.text for content in contents)


def _assistant_parts(message: AssistantMessage, place: str) -> list[Part]:
    for name, why in _REFUSED.items():
        if getattr(message, name) is not None:
            raise BadParam(f"{place}.{name}", f"{place}.{name}: {why}")
    parts: list[Part] = [*_reasoning_parts(message, place)]
    if message.content:
        parts += _content_parts(message.content, f"{place}.content")
    if message.refusal:
        parts.append(Refusal(text=message.refusal))
    for call in message.tool_calls or ():
        parts.append(ToolCall(id=call.id, name=call.function.name, arguments_json=call.function.arguments))
    return parts


def _reasoning_parts(message: AssistantMessage, place: str) -> Iterator[Reasoning]:
    if message.reasoning_details:
        for index, detail in enumerate(message.reasoning_details):
            yield _reasoning(detail, f"{place}.reasoning_details[{index}]")
    elif message.reasoning_content:
        yield Reasoning(text=message.reasoning_content)


def _reasoning(detail: ReasoningDetail, place: str) -> Reasoning:
    return Reasoning(
        text=detail.text or "",
        signature=given_bytes(detail.signature, f"{place}.signature"),
        redacted=given_bytes(detail.data, f"{place}.data"),
        provider=detail.format or "",
        id=detail.id or "",
    )


def _tool_result(message: ToolMessage, place: str) -> ToolResult:
    parts = _content_parts(message.content, f"{place}.content")
    if not all(isinstance(part, TextPart | Image | Document) for part in parts):
        raise BadParam(f"{place}.content", f"{place}.content: must be text, images or files")
    content = tuple(part for part in parts if isinstance(part, TextPart | Image | Document))
    return ToolResult(tool_call_id=message.tool_call_id, content=content)


def _content_parts(content: str | Sequence[Content], place: str) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(text=content)] if content else []
    return [_part(one, f"{place}[{index}]") for index, one in enumerate(content)]


def _part(content: Content, place: str) -> Part:
    match content:
        case TextContent():
            return TextPart(text=content.text)
        case ImageContent():
            return image_of_url(content.image_url.url, content.image_url.detail or "", f"{place}.image_url.url")
        case FileContent():
            return _document(content.file, f"{place}.file")
        case RefusalContent():
            return Refusal(text=content.refusal)
        case AudioContent():
            raise BadParam(place, f"{place}: audio is not supported")


def _document(file: File, place: str) -> Document:
    if file.file_id is not None:
        raise BadParam(f"{place}.file_id", f"{place}.file_id: is not supported: send the file in file_data")
    if not file.file_data:
        raise BadParam(f"{place}.file_data", f"{place}.file_data: is required")
    media_type, data = bytes_of_data_url(file.file_data, f"{place}.file_data")
    return Document(media_type=media_type, name=file.filename or "", data=data)
