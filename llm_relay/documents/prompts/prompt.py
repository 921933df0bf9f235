"""The prompt as JSON: one model for HTTP bodies, the arguments of MCP tools and the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from llm_relay.documents.field_names import with_json_names
from llm_relay.documents.parts.part_documents import Parts
from llm_relay.documents.parts.part_reading import PartReader
from llm_relay.documents.prompts.option_reading import OPTIONS, OptionReader, whole_number
from llm_relay.documents.prompts.options import (
    ProviderOptions,
    ResponseFormatMember,
    SamplingMember,
    Tags,
    ThinkingMember,
    ToolChoiceMember,
    Tools,
)
from llm_relay.documents.prompts.turns import TurnDocument, Turns
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.messages import (
    MAX_END_USER_CHARS,
    MAX_MODEL_CHARS,
    MAX_TEMPERATURE,
    MAX_TOKENS_LIMIT,
    NO_OPTIONS,
    REQUEST_ID_PATTERN,
    WORD_PATTERN,
    Prompt,
    Role,
    Turn,
)

_NO_NUL = r"^[^\u0000]*$"


class PromptDocument(BaseModel):
    """A question to a model. Null is the same as absent."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[
        str,
        Field(description="What the user says now. Not blank, but may be empty if there are parts."),
        SkipValidation,
    ]
    context: Annotated[
        str | None, Field(pattern=_NO_NUL, description="System prompt: instructions to the model."), SkipValidation
    ] = None
    history: Annotated[
        Turns | None, Field(description="Earlier turns, oldest first. The model remembers no earlier call.")
    ] = None
    model: Annotated[
        str | None,
        Field(
            max_length=MAX_MODEL_CHARS,
            pattern=_NO_NUL,
            description="A name from the list of models. Absent: the server's default.",
        ),
        SkipValidation,
    ] = None
    temperature: Annotated[
        float | None,
        Field(ge=0, le=MAX_TEMPERATURE, description="0 (predictable) to 2 (varied). Absent: the server's default."),
        SkipValidation,
    ] = None
    max_tokens: Annotated[
        int | None,
        Field(ge=1, le=MAX_TOKENS_LIMIT, description="Maximum tokens of the answer. Absent: the server's default."),
        SkipValidation,
    ] = None
    request_id: Annotated[
        str | None,
        Field(
            pattern=f"^(?:{REQUEST_ID_PATTERN})?$",
            description="Leave out. For programs that retry: the same id again returns the first call's stored answer.",
        ),
        SkipValidation,
    ] = None

    parts: Annotated[
        Parts | None,
        Field(
            description="What else the user says now: objects with one member each, text, image or document"
            " {media_type, data (base64)} or {url}, tool_result {tool_call_id, content (a list of parts)}."
        ),
    ] = None
    tools: Annotated[
        Tools | None, Field(description="Tools that the model may call: {name, description, input_schema}.")
    ] = None
    tool_choice: Annotated[
        ToolChoiceMember | None,
        Field(description="{mode: auto, none or required} or {name}: whether and which tools must be called."),
    ] = None
    response_format: Annotated[
        ResponseFormatMember | None,
        Field(description="{kind: text, json or json_schema, name, schema}: the form of the answer."),
    ] = None
    sampling: Annotated[
        SamplingMember | None, Field(description="{top_p, stop (a list), seed, frequency_penalty, presence_penalty}.")
    ] = None
    thinking: Annotated[
        ThinkingMember | None, Field(description="{effort: low, medium or high} or {max_tokens}: reason first.")
    ] = None
    tags: Annotated[Tags | None, Field(description="Labels for the cost records. The model does not see them.")] = None
    provider_options: Annotated[
        ProviderOptions | None, Field(description="By provider, extra members for the body of its requests.")
    ] = None
    service_tier: Annotated[
        str | None,
        Field(pattern=f"^({WORD_PATTERN})?$", description="A tier of the provider, such as flex."),
        SkipValidation,
    ] = None
    max_cost_usd: Annotated[
        Any,
        Field(
            description="Refuse the call if it could cost more US dollars.",
            json_schema_extra={"type": ["number", "string", "null"]},
        ),
        SkipValidation,
    ] = None
    end_user: Annotated[
        str | None,
        Field(max_length=MAX_END_USER_CHARS, pattern=_NO_NUL, description="The id of your own user."),
        SkipValidation,
    ] = None

    def prompt(self) -> Prompt:
        """Returns the prompt. Raises InvalidRequest, which names each field with a bad value."""
        prompt: Prompt | None = None
        bad_values: tuple[Violation, ...] = ()
        reader = PartReader()
        options = OptionReader() if self.model_fields_set - _NOT_OPTIONS else None
        try:
            prompt = Prompt(
                message=self.message,
                context=self.context,
                history=tuple(_turn(turn, place, reader) for place, turn in enumerate(self.history or ())),
                model=self.model,
                temperature=self.temperature,
                max_tokens=whole_number(self.max_tokens),
                request_id=self.request_id or "",
                parts=reader.parts(self.parts, "parts") if self.parts else (),
                options=options.options(self.__dict__) if options else NO_OPTIONS,
            )
        except InvalidRequest as error:
            bad_values = with_json_names(error.violations)
        unreadable = [*reader.violations, *(options.violations if options else ())]
        if prompt is None or unreadable:
            raise InvalidRequest.of(*unreadable, *bad_values)
        return prompt


_NOT_OPTIONS = PromptDocument.model_fields.keys() - OPTIONS
_ROLES = {role.value: role for role in Role} | {f"ROLE_{role.name}": role for role in Role}
"""The names of the protobuf enum are accepted too."""


def _turn(turn: TurnDocument, place: int, reader: PartReader) -> Turn:
    role: object = turn["role"]
    documents = turn.get("parts")
    return Turn(
        # Prompt refuses an unknown role, and names the turn.
        role=cast("Role", _ROLES.get(role) if isinstance(role, str) else None),
        text=turn.get("text", ""),
        parts=reader.parts(documents, f"history[{place}].parts") if documents else (),
    )
