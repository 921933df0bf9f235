"""The body of a request to `/v1/chat/completions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.openai.bodies.base import Shape


class TextContent(Shape):
    """A piece of text."""

    type: Literal["text"]
    text: str


class ImageUrl(Shape):
    """The location of an image."""

    url: str = Field(description="An https URL, or the image itself as a data: URL")
    detail: str | None = None


class ImageContent(Shape):
    """An image."""

    type: Literal["image_url"]
    image_url: ImageUrl


class File(Shape):
    """A file within the request."""

    filename: str | None = None
    file_data: str | None = Field(None, description="The file as a data: URL")
    file_id: str | None = None


class FileContent(Shape):
    """A document."""

    type: Literal["file"]
    file: File


class AudioContent(Shape):
    """Audio. The relay refuses it."""

    type: Literal["input_audio"]


class RefusalContent(Shape):
    """The text of a refusal."""

    type: Literal["refusal"]
    refusal: str


Content = Annotated[
    TextContent | ImageContent | FileContent | AudioContent | RefusalContent, Field(discriminator="type")
]


class InstructionMessage(Shape):
    """Instructions to the model."""

    role: Literal["system", "developer"]
    content: str | list[TextContent]


class UserMessage(Shape):
    """What the user says."""

    role: Literal["user"]
    content: str | list[Content]


class FunctionCall(Shape):
    """The called function and its arguments."""

    name: str
    arguments: str = Field(description="JSON text, as the model wrote it")


class MessageToolCall(Shape):
    """A call that the model made."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class ReasoningDetail(Shape):
    """A block of the model's reasoning, returned unchanged."""

    type: str
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    format: str | None = Field(None, description="The provider that wrote it")
    index: int | None = None


class AssistantMessage(Shape):
    """What the model said."""

    role: Literal["assistant"]
    content: str | list[Content] | None = None
    refusal: str | None = None
    tool_calls: list[MessageToolCall] | None = None
    reasoning_content: str | None = None
    reasoning_details: list[ReasoningDetail] | None = None
    function_call: Any = Field(None, description="Refused: use tool_calls")
    audio: Any = Field(None, description="Refused: the relay does not support audio")


class ToolMessage(Shape):
    """The result of a tool call."""

    role: Literal["tool"]
    content: str | list[Content]
    tool_call_id: str


Message = Annotated[
    InstructionMessage | UserMessage | AssistantMessage | ToolMessage,
    Field(discriminator="role"),
]


class Function(Shape):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="The JSON Schema of the arguments")
    strict: bool | None = None


class ChatTool(Shape):
    """A tool that the model may call."""

    type: Literal["function"]
    function: Function


class NamedFunction(Shape):
    """The name of a function."""

    name: str


class NamedToolChoice(Shape):
    """The tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Shape):
    """The schema that the answer must match."""

    name: str
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class ChatResponseFormat(Shape):
    """The format of the answer's text."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Shape):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatBody(Shape):
    """A request for a chat completion, in OpenAI's shape."""

    model: str = Field(description="The model, as /v1/models lists it", examples=["mock-model"])
    messages: list[Message] = Field(
        min_length=1, description="The conversation so far", examples=[[{"role": "user", "content": "Hello"}]]
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = Field(None, description="Used if max_completion_tokens is absent")
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    tools: list[ChatTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ChatResponseFormat | None = None
    reasoning_effort: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = Field(None, description="Tags of the call, for its cost records")
    safety_identifier: str | None = None
    user: str | None = Field(None, description="Used if safety_identifier is absent")
    max_cost_usd: float | str | None = Field(None, description="The most that the call may cost, in USD")
    logit_bias: dict[str, Any] | None = None
    verbosity: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
