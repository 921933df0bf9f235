"""The prompt as JSON: one model for HTTP bodies, the arguments of MCP tools and the OpenAPI document."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation, ValidationError, with_config
from pydantic_core import PydanticCustomError

# pydantic needs this one to read a TypedDict before Python 3.12.
from typing_extensions import TypedDict

from llm_relay.documents.json_body import BODY
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest, Violation
from llm_relay.messages import (
    MAX_MODEL_CHARS,
    MAX_TEMPERATURE,
    MAX_TOKENS_LIMIT,
    MAX_TURNS,
    REQUEST_ID_PATTERN,
    Prompt,
    Role,
    Turn,
)

_NO_NUL = r"^[^\u0000]*$"
_NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"  # blank as str.strip has it


# The values of the fields are not validated here (SkipValidation): Prompt does that, for gRPC too. These classes give
# the shape: which fields there are, which are required, and what the schemas say of them.


@with_config(ConfigDict(extra="forbid"))
class TurnDocument(TypedDict):
    """One earlier turn."""

    role: Annotated[Literal["user", "assistant", "system"], Field(description="Who spoke"), SkipValidation]
    text: Annotated[str, Field(min_length=1, pattern=_NOT_BLANK, description="What was said"), SkipValidation]


_TURN_RULE = 'must be {"role": "user"|"assistant"|"system", "text": "…"}'


def _turn_shape(turn: object) -> object:
    # One error for each turn, whatever is wrong with it. pydantic would make one for each unknown member, and there can
    # be hundreds of thousands in a body.
    if isinstance(turn, Mapping) and turn.keys() == TurnDocument.__required_keys__:
        return turn
    strange = [name for name in turn if name not in TurnDocument.__required_keys__] if isinstance(turn, Mapping) else []
    told = f"; {shown_name(strange[0])} is not a known field" if strange else ""
    raise PydanticCustomError("turn", "{rule}", {"rule": f"{_TURN_RULE}{told}"})


class PromptDocument(BaseModel):
    """A question to a model. Null is the same as absent."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[
        str,
        Field(
            min_length=1,
            pattern=_NOT_BLANK,
            description="What the user says now.",
        ),
        SkipValidation,
    ]
    context: Annotated[
        str | None, Field(pattern=_NO_NUL, description="System prompt: instructions to the model."), SkipValidation
    ] = None
    history: Annotated[
        list[Annotated[TurnDocument, BeforeValidator(_turn_shape)]] | None,
        Field(max_length=MAX_TURNS, description="Earlier turns, oldest first. The model remembers no earlier call."),
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
        Field(ge=1, le=MAX_TOKENS_LIMIT, description="Most tokens of the answer. Absent: the server's default."),
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

    def prompt(self) -> Prompt:
        """Makes the prompt; raises InvalidRequest naming each field with a bad value."""
        return Prompt(
            message=self.message,
            context=self.context,
            history=tuple(map(_turn, self.history or ())),
            model=self.model,
            temperature=self.temperature,
            max_tokens=_whole_number(self.max_tokens),
            request_id=self.request_id or "",
        )


_ROLES = {role.value: role for role in Role} | {f"ROLE_{role.name}": role for role in Role}
"""The names of the protobuf enum are accepted too."""


def _turn(turn: TurnDocument) -> Turn:
    role: object = turn["role"]
    # A role that is not known is left for Prompt to refuse, with the turn's place.
    return Turn(role=cast("Role", _ROLES.get(role) if isinstance(role, str) else None), text=turn["text"])


def _whole_number(value: Any) -> Any:
    # JSON has one kind of number: 5.0 is the integer 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_FIELDS = PromptDocument.model_fields
_REQUIRED = [name for name, field in _FIELDS.items() if field.is_required()]
_KNOWN = "the fields are " + ", ".join(f"{name} (required)" if name in _REQUIRED else name for name in _FIELDS)
# What stands in for an unreadable value, so that the others are checked and named by their places.
_UNREAD_MESSAGE = "-"
_UNREAD_TURN: TurnDocument = {"role": "user", "text": "-"}


def prompt_from_document(document: object, *, request_id: str = "") -> Prompt:
    """Reads a prompt from JSON values; null is the same as absent.

    `request_id` is used where the document has none. Raises InvalidRequest that names every field that is unknown,
    missing, of the wrong type or out of range.
    """
    if not isinstance(document, Mapping):
        raise InvalidRequest.of(Violation(BODY, f"must be a JSON object; {_KNOWN}"))
    given = {name: document[name] for name in _FIELDS if document.get(name) is not None}
    if request_id and not given.get("request_id"):
        given["request_id"] = request_id
    unknown = [] if document.keys() <= _FIELDS.keys() else [*_unknown_fields(document)]
    try:
        read = PromptDocument.model_validate(given)
        if not unknown:
            return read.prompt()
        shape: list[Violation] = []
    except ValidationError as error:
        shape = [*_shape_violations(error)]
        read = _without_unreadable(given, error)
    raise InvalidRequest.of(*unknown, *shape, *_value_violations(read))


def _unknown_fields(document: Mapping[Any, Any]) -> Iterator[Violation]:
    """Yields as many as an error can name: a body can have hundreds of thousands."""
    unknown = itertools.islice((name for name in document if name not in _FIELDS), MAX_VIOLATIONS + 1)
    for place, name in enumerate(unknown):
        yield Violation(shown_name(name), f"is not a known field{_hint(name)}{'' if place else f'; {_KNOWN}'}")


def _hint(name: object) -> str:
    close = difflib.get_close_matches(name.lower(), _FIELDS, n=1) if isinstance(name, str) and len(name) < 40 else []
    return f" (did you mean {close[0]}?)" if close else ""


def _shape_violations(error: ValidationError) -> Iterator[Violation]:
    for detail in error.errors(include_url=False, include_input=False):
        match detail["type"]:
            case "missing":
                text = "is required"
            case "too_long":
                text = f"must have {MAX_TURNS} turns at most"
            case "list_type":
                text = f"must be a list of turns, each of which {_TURN_RULE}"
            case _:
                text = detail["msg"]
        yield Violation(_path(detail["loc"]), text)


def _path(loc: Iterable[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _without_unreadable(given: dict[str, Any], error: ValidationError) -> PromptDocument:
    """Makes the document with what could not be read left out, or replaced where something must stand."""
    readable = {"message": _UNREAD_MESSAGE, **given}
    places = [detail["loc"] for detail in error.errors(include_url=False, include_input=False)]
    for place in places:
        if len(place) == 1 and place[0] in given:
            del readable[str(place[0])]
    if turns := [int(place[1]) for place in places if len(place) > 1]:
        readable["history"] = [*given["history"]]
        for turn in turns:
            readable["history"][turn] = _UNREAD_TURN
    return PromptDocument.model_construct(**readable)


def _value_violations(document: PromptDocument) -> tuple[Violation, ...]:
    try:
        document.prompt()
    except InvalidRequest as error:
        return error.violations
    return ()
