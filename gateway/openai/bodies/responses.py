"""The body of a request to `/v1/responses`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from gateway.openai.bodies.base import Shape


class InputText(Shape):
    """A piece of text."""

    type: Literal["input_text", "output_text", "text"]
    text: str


class InputImage(Shape):
    """An image."""

    type: Literal["input_image"]
    image_url: str | None = Field(None, description="An https URL, or the image itself as a data: URL")
    file_id: str | None = None
    detail: str | None = None


class InputFile(Shape):
    """A document."""

    type: Literal["input_file"]
    filename: str | None = None
    file_data: str | None = Field(None, description="The file as a data: URL")
    file_url: str | None = None
    file_id: str | None = None


class InputRefusal(Shape):
    """The text of a refusal."""

    type: Literal["refusal"]
    refusal: str


InputContent = Annotated[InputText | InputImage | InputFile | InputRefusal, Field(discriminator="type")]


class MessageItem(Shape):
    """A message. `type` may be left out."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[InputContent]
    id: str | None = None
    status: str | None = None


class FunctionCallItem(Shape):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    namespace: str | None = Field(None, description="The namespace of the function")
    arguments: str
    id: str | None = None
    status: str | None = None


class FunctionCallOutputItem(Shape):
    """The result of a call."""

    type: Literal["function_call_output"]
    call_id: str
    name: str | None = None
    namespace: str | None = None
    output: str | list[InputContent]
    id: str | None = None
    status: str | None = None


class ReasoningText(Shape):
    """A piece of reasoning, or of its summary."""

    type: str
    text: str


class ReasoningItem(Shape):
    """The model's reasoning, returned unchanged."""

    type: Literal["reasoning"]
    id: str | None = None
    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None
    status: str | None = None


def _kind(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else getattr(item, "type", None)
    return kind or "message"


Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionCallOutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")],
    Discriminator(_kind),
]


class ResponsesTool(Shape):
    """A function that the model may call."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="The JSON Schema of the arguments")
    strict: bool | None = None


class NamespaceTool(Shape):
    """A group of functions."""

    type: Literal["namespace"]
    name: str = Field(min_length=1)
    description: str | None = None
    tools: list[ResponsesTool]


def _tool_kind(tool: Any) -> str:
    """Returns pydantic's tag for a tool. It is not "function", a member's name, so that errors can leave it out."""
    kind = tool.get("type") if isinstance(tool, dict) else getattr(tool, "type", None)
    return "Namespace" if kind == "namespace" else "Function"


AnyTool = Annotated[
    Annotated[ResponsesTool, Tag("Function")] | Annotated[NamespaceTool, Tag("Namespace")], Discriminator(_tool_kind)
]


class ResponsesToolChoice(Shape):
    """The function that must be called."""

    type: Literal["function"]
    name: str
    namespace: str | None = None


class TextFormat(Shape):
    """The format of the answer's text."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class TextOptions(Shape):
    """Options of the answer's text."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningOptions(Shape):
    """Options of the model's reasoning."""

    effort: str | None = None
    summary: str | None = None


class ResponsesBody(Shape):
    """A request for a response, in OpenAI's shape. Nothing is stored: each request contains the conversation."""

    model: str = Field(description="The model, as /v1/models lists it", examples=["mock-model"])
    input: str | list[Item] = Field(description="What the user says, or the conversation so far", examples=["Hello"])
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[AnyTool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ResponsesToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = Field(None, description="Tags of the call, for its cost records")
    safety_identifier: str | None = None
    user: str | None = Field(None, description="Used if safety_identifier is absent")
    max_cost_usd: float | str | None = Field(None, description="The most that the call may cost, in USD")
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
