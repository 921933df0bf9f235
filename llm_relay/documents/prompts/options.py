"""The shapes of options in JSON. Prompt checks the values, for gRPC too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, SkipValidation

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.parts.part_documents import Flag, closed
from llm_relay.documents.shapes import members_of, shape_error
from llm_relay.messages import MAX_TOKENS_LIMIT, MAX_TOOLS, NAME_PATTERN


def _object(value: object) -> object:
    if not isinstance(value, Mapping):
        raise shape_error("must be a JSON object")
    return value


_Object: TypeAlias = Annotated[dict[str, Any], SkipValidation, BeforeValidator(_object)]


@closed
class ToolDocument(TypedDict):
    """A tool that the model may call."""

    name: Annotated[
        str, Field(pattern=f"^{NAME_PATTERN}$", description="At most 64 letters, digits, _ and -."), SkipValidation
    ]
    description: NotRequired[
        Annotated[str, Field(description="What the tool does, for the model to read."), SkipValidation]
    ]
    input_schema: Annotated[_Object, Field(description="The JSON Schema of its arguments.")]
    strict: NotRequired[Annotated[Flag, Field(description="Whether the arguments must match the schema exactly.")]]


@closed
class ToolChoiceDocument(TypedDict):
    """Whether and which tools the model must call."""

    mode: NotRequired[
        Annotated[
            Literal["auto", "none", "required"],
            Field(description="auto: the model may call tools; none: it must not; required: it must."),
            SkipValidation,
        ]
    ]
    name: NotRequired[
        Annotated[str, Field(description="The tool that the model must call; use it instead of mode."), SkipValidation]
    ]
    parallel: NotRequired[Annotated[Flag, Field(description="Whether several tools may be called at once.")]]


@closed
class ResponseFormatDocument(TypedDict):
    """The form of the answer's text."""

    kind: Annotated[Literal["text", "json", "json_schema"], Field(description="json: any JSON object."), SkipValidation]
    name: NotRequired[Annotated[str, Field(description="A name for the schema."), SkipValidation]]
    schema: NotRequired[Annotated[_Object, Field(description="The JSON Schema, with json_schema only.")]]
    strict: NotRequired[Annotated[Flag, Field(description="Whether the answer must match the schema exactly.")]]


@closed
class SamplingDocument(TypedDict):
    """How the model picks its next token."""

    top_p: NotRequired[Annotated[float, Field(ge=0, le=1, description="Nucleus sampling."), SkipValidation]]
    stop: NotRequired[Annotated[list[Annotated[str, SkipValidation]], Field(description="Texts that end the answer.")]]
    seed: NotRequired[Annotated[int, Field(description="The same seed asks for the same answer."), SkipValidation]]
    frequency_penalty: NotRequired[
        Annotated[float, Field(ge=-2, le=2, description="Makes frequent tokens less likely."), SkipValidation]
    ]
    presence_penalty: NotRequired[
        Annotated[float, Field(ge=-2, le=2, description="Makes tokens that have occurred less likely."), SkipValidation]
    ]


@closed
class ThinkingDocument(TypedDict):
    """Asks the model to reason before it answers."""

    effort: NotRequired[
        Annotated[str, Field(description="A level of the provider, such as low, medium or high."), SkipValidation]
    ]
    max_tokens: NotRequired[
        Annotated[int, Field(ge=1, le=MAX_TOKENS_LIMIT, description="Maximum tokens for reasoning."), SkipValidation]
    ]


Tools: TypeAlias = Annotated[list[Annotated[ToolDocument, members_of(ToolDocument)]], Field(max_length=MAX_TOOLS)]
ToolChoiceMember: TypeAlias = Annotated[ToolChoiceDocument, members_of(ToolChoiceDocument)]
ResponseFormatMember: TypeAlias = Annotated[ResponseFormatDocument, members_of(ResponseFormatDocument)]
SamplingMember: TypeAlias = Annotated[SamplingDocument, members_of(SamplingDocument)]
ThinkingMember: TypeAlias = Annotated[ThinkingDocument, members_of(ThinkingDocument)]
Tags: TypeAlias = Annotated[dict[str, str], SkipValidation, BeforeValidator(_object)]
ProviderOptions: TypeAlias = Annotated[dict[str, dict[str, Any]], SkipValidation, BeforeValidator(_object)]
