"""Translates the input items of a response into the prompt's terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.openai.bodies.responses import (
    FunctionCallItem,
    FunctionCallOutputItem,
    InputContent,
    InputFile,
    InputImage,
    InputRefusal,
    InputText,
    Item,
    MessageItem,
    ReasoningItem,
)
from gateway.openai.data_urls import bytes_of_data_url, image_of_url
from gateway.openai.errors import BadParam
from gateway.openai.namespaces import joined_name
from gateway.openai.reasoning_blob import reasoning_of
from gateway.openai.request.conversation import ConversationMessage
from llm_relay.messages import Document, Image, Part, Reasoning, Refusal, Role, TextPart, ToolCall, ToolResult

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "developer": Role.SYSTEM}


def conversation_messages(instructions: str | None, items: str | Sequence[Item]) -> Iterator[ConversationMessage]:
    """Yields the instructions and what each item says. Raises BadParam that names the place of an invalid member."""
    if instructions:
        yield ConversationMessage("instructions", Role.SYSTEM, [TextPart(text=instructions)])
    if isinstance(items, str):
        yield ConversationMessage("input", Role.USER, [TextPart(text=items)] if items else [])
        return
    for index, item in enumerate(items):
        place = f"input[{index}]"
        match item:
            case MessageItem():
                yield ConversationMessage(place, _ROLES[item.role], _parts(item.content, f"{place}.content"))
            case FunctionCallItem():
                yield ConversationMessage(place, Role.ASSISTANT, [_call(item)])
            case FunctionCallOutputItem():
                yield ConversationMessage(place, Role.USER, [_result(item, f"{place}.output")])
            case ReasoningItem():
                yield ConversationMessage(place, Role.ASSISTANT, _reasoning(item, place))


def _call(item: FunctionCallItem) -> ToolCall:
    name = joined_name(item.namespace, item.name)
    return ToolCall(id=item.call_id, name=name, arguments_json=item.arguments)


def _reasoning(item: ReasoningItem, place: str) -> list[Reasoning]:
    text = "".join(piece.text for piece in item.summary or item.content or ())
    block = reasoning_of(text, item.id or "", item.encrypted_content, f"{place}.encrypted_content")
    return [block] if text or item.encrypted_content else []


def _result(item: FunctionCallOutputItem, place: str) -> ToolResult:
    content = []
    for part in _parts(item.output, place):
        if not isinstance(part, TextPart | Image | Document):
            raise BadParam(place, f"{place}: must be text, images or files")
        content.append(part)
    return ToolResult(tool_call_id=item.call_id, content=tuple(content))


def _parts(content: str | Sequence[InputContent], place: str) -> list[Part]:
    if isinstance(content, str):
        return [TextPart(text=content)] if content else []
    return [_part(one, f"{place}[{index}]") for index, one in enumerate(content)]


def _part(content: InputContent, place: str) -> Part:
    match content:
        case InputText():
            return TextPart(text=content.text)
        case InputRefusal():
            return Refusal(text=content.refusal)
        case InputImage():
            if not content.image_url:
                raise BadParam(f"{place}.image_url", f"{place}.image_url: is required; file_id is not supported")
            return image_of_url(content.image_url, content.detail or "", f"{place}.image_url")
        case InputFile():
            return _document(content, place)


def _document(file: InputFile, place: str) -> Document:
    if file.file_url:
        return Document(url=file.file_url, name=file.filename or "")
    if not file.file_data:
        raise BadParam(f"{place}.file_data", f"{place}.file_data: is required; file_id is not supported")
    media_type, data = bytes_of_data_url(file.file_data, f"{place}.file_data")
    return Document(media_type=media_type, name=file.filename or "", data=data)
