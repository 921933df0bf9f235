"""The events of a stream other than text, as JSON: their names and their data."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypeAlias

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.parts.part_documents import ToolCallDocument
from llm_relay.documents.parts.part_writing import JsonValue, base64_text, tool_call_document
from llm_relay.documents.raw_json import exact_value
from llm_relay.messages import ReasoningDelta, RefusalDelta, ToolCallDelta, ToolCallFinished, ToolCallStarted

_Index: TypeAlias = Annotated[int, Field(description="Number of the block in the answer, from 0")]

ContentDelta: TypeAlias = ReasoningDelta | RefusalDelta | ToolCallStarted | ToolCallDelta | ToolCallFinished


class ReasoningDeltaDocument(TypedDict):
    """More of the model's reasoning."""

    index: _Index
    content: str
    signature: NotRequired[Annotated[str, Field(description="The signature in base64, on a block's last event")]]
    redacted: NotRequired[Annotated[str, Field(description="Reasoning that only the provider can read, in base64")]]
    id: NotRequired[Annotated[str, Field(description="The provider's id, on a block's first event")]]


class RefusalDeltaDocument(TypedDict):
    """More of the text in which the model refuses to answer."""

    index: _Index
    content: str


class ToolCallStartedDocument(TypedDict):
    """The model begins to call a tool."""

    index: _Index
    id: str
    name: str


class ToolCallDeltaDocument(TypedDict):
    """More of a call's arguments."""

    index: _Index
    arguments: Annotated[str, Field(description="JSON text to append to the arguments so far")]


class ToolCallFinishedDocument(TypedDict):
    """A tool call is complete."""

    index: _Index
    call: ToolCallDocument
    arguments_valid: Annotated[bool, Field(description="Whether the arguments are valid JSON")]


DELTA_DOCUMENTS: dict[str, type] = {
    "reasoning": ReasoningDeltaDocument,
    "refusal": RefusalDeltaDocument,
    "tool_call_started": ToolCallStartedDocument,
    "tool_call_delta": ToolCallDeltaDocument,
    "tool_call_finished": ToolCallFinishedDocument,
}
"""The shape of each event's data, by the event's name."""


def delta_document(delta: ContentDelta, json_value: JsonValue = exact_value) -> tuple[str, dict[str, Any]]:
    """Returns an event's name and its data. `json_value` converts the text of arguments for the data."""
    match delta:
        case ReasoningDelta():
            return "reasoning", _reasoning(delta)
        case RefusalDelta():
            return "refusal", {"index": delta.index, "content": delta.text}
        case ToolCallStarted():
            return "tool_call_started", {"index": delta.index, "id": delta.id, "name": delta.name}
        case ToolCallDelta():
            return "tool_call_delta", {"index": delta.index, "arguments": delta.arguments}
        case ToolCallFinished():
            call = tool_call_document(delta.call, json_value)
            return "tool_call_finished", {
                "index": delta.index,
                "call": call,
                "arguments_valid": delta.arguments_valid,
            }


def _reasoning(delta: ReasoningDelta) -> dict[str, Any]:
    document: dict[str, Any] = {"index": delta.index, "content": delta.text}
    if delta.signature:
        document["signature"] = base64_text(delta.signature)
    if delta.redacted:
        document["redacted"] = base64_text(delta.redacted)
    if delta.id:
        document["id"] = delta.id
    return document
