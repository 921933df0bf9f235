"""The shapes of parts in JSON, the same in prompts and in answers. Prompt checks the values, for gRPC too."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypeAlias

from pydantic import ConfigDict, Field, SkipValidation, Strict, with_config

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.shapes import members_of
from llm_relay.messages import MAX_PARTS, NAME_PATTERN

_ANY_JSON: list[str] = ["object", "array", "string", "number", "boolean"]

Flag: TypeAlias = Annotated[bool, Strict()]
closed = with_config(ConfigDict(extra="forbid"))
"""Makes a shape an object without other members."""


@closed
class ImageDocument(TypedDict):
    """An image, as data or as a URL."""

    media_type: NotRequired[Annotated[str, Field(description="Such as image/png. Required with data."), SkipValidation]]
    data: NotRequired[Annotated[str, Field(description="The file's bytes in base64."), SkipValidation]]
    url: NotRequired[
        Annotated[
            str,
            Field(description="An https URL that the provider fetches, or a data: URL; use it instead of data."),
            SkipValidation,
        ]
    ]
    detail: NotRequired[Annotated[str, Field(description="How closely to look: low, high or auto."), SkipValidation]]


@closed
class DocumentDocument(TypedDict):
    """A document, as data or as a URL."""

    media_type: NotRequired[
        Annotated[str, Field(description="Such as application/pdf. Required with data."), SkipValidation]
    ]
    name: NotRequired[Annotated[str, Field(description="The file's name."), SkipValidation]]
    data: NotRequired[Annotated[str, Field(description="The file's bytes in base64."), SkipValidation]]
    url: NotRequired[
        Annotated[
            str,
            Field(description="An https URL that the provider fetches, or a data: URL; use it instead of data."),
            SkipValidation,
        ]
    ]


@closed
class ToolCallDocument(TypedDict):
    """A call of a tool by the model."""

    id: Annotated[str, Field(description="The call's id, as received."), SkipValidation]
    name: Annotated[str, Field(pattern=f"^{NAME_PATTERN}$", description="The tool's name."), SkipValidation]
    arguments: NotRequired[
        Annotated[
            Any,
            Field(description="The arguments, as received.", json_schema_extra={"type": _ANY_JSON}),
        ]
    ]
    arguments_text: NotRequired[
        Annotated[
            str, Field(description="The arguments if they are not valid JSON, instead of arguments."), SkipValidation
        ]
    ]
    signature: NotRequired[Annotated[str, Field(description="In base64, as received."), SkipValidation]]


_Image: TypeAlias = Annotated[
    ImageDocument, members_of(ImageDocument), Field(description="An image: media_type and data (base64), or url.")
]
_Document: TypeAlias = Annotated[
    DocumentDocument,
    members_of(DocumentDocument),
    Field(description="A document: media_type and data (base64), or url; name."),
]


@closed
class ResultPartDocument(TypedDict):
    """A part of a tool's result: text, an image or a document."""

    text: NotRequired[Annotated[str, Field(description="Text."), SkipValidation]]
    image: NotRequired[_Image]
    document: NotRequired[_Document]


@closed
class ToolResultDocument(TypedDict):
    """What a tool returned for one call."""

    tool_call_id: Annotated[str, Field(description="The id of the call."), SkipValidation]
    content: NotRequired[
        Annotated[
            list[Annotated[ResultPartDocument, members_of(ResultPartDocument, exactly_one=True)]],
            Field(max_length=MAX_PARTS, description="The result, each part an object with exactly one member."),
        ]
    ]
    structured: NotRequired[
        Annotated[
            Any,
            Field(description="The result as a JSON value.", json_schema_extra={"type": _ANY_JSON}),
        ]
    ]
    is_error: NotRequired[Annotated[Flag, Field(description="Whether the tool failed.")]]


@closed
class ReasoningDocument(TypedDict):
    """The model's reasoning before it answered."""

    text: NotRequired[Annotated[str, Field(description="As received."), SkipValidation]]
    signature: NotRequired[Annotated[str, Field(description="In base64, as received."), SkipValidation]]
    redacted: NotRequired[Annotated[str, Field(description="In base64, as received."), SkipValidation]]
    provider: NotRequired[Annotated[str, Field(description="The provider that wrote it."), SkipValidation]]
    id: NotRequired[Annotated[str, Field(description="As received."), SkipValidation]]


@closed
class CachePointDocument(TypedDict):
    """Asks the provider to cache the prompt up to this place."""

    ttl_seconds: NotRequired[
        Annotated[float, Field(gt=0, le=86_400, description="How long to cache it."), SkipValidation]
    ]


@closed
class PartDocument(TypedDict):
    """A part: an object with exactly one member."""

    text: NotRequired[Annotated[str, Field(description="Text."), SkipValidation]]
    image: NotRequired[_Image]
    document: NotRequired[_Document]
    tool_call: NotRequired[
        Annotated[
            ToolCallDocument,
            members_of(ToolCallDocument),
            Field(description="A call by the model, as received: id, name, arguments."),
        ]
    ]
    tool_result: NotRequired[
        Annotated[
            ToolResultDocument,
            members_of(ToolResultDocument),
            Field(description="The result of a tool call: tool_call_id, content (a list of parts), is_error."),
        ]
    ]
    reasoning: NotRequired[
        Annotated[
            ReasoningDocument,
            members_of(ReasoningDocument),
            Field(description="The model's reasoning, as received: text, signature, redacted, provider, id."),
        ]
    ]
    cache_point: NotRequired[
        Annotated[
            CachePointDocument,
            members_of(CachePointDocument),
            Field(description="Asks the provider to cache the prompt up to here: ttl_seconds."),
        ]
    ]
    refusal: NotRequired[
        Annotated[str, Field(description="The text in which the model refused to answer."), SkipValidation]
    ]


Parts: TypeAlias = Annotated[
    list[Annotated[PartDocument, members_of(PartDocument, exactly_one=True)]], Field(max_length=MAX_PARTS)
]
