"""The shape of turns in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import BeforeValidator, Field, SkipValidation

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.parts.part_documents import Parts, closed
from llm_relay.documents.shapes import shape_error
from llm_relay.documents.shown_names import shown_name
from llm_relay.messages import MAX_TURNS

NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
"""Not blank, as str.strip defines it, and without NUL."""
TURN_RULE = 'must be {"role": "user"|"assistant"|"system", "text": "…"}, or have parts instead of text'
_PLAIN = frozenset(("role", "text"))


@closed
class TurnDocument(TypedDict):
    """One earlier turn."""

    role: Annotated[Literal["user", "assistant", "system"], Field(description="Who spoke"), SkipValidation]
    text: NotRequired[
        Annotated[str, Field(min_length=1, pattern=NOT_BLANK, description="What was said"), SkipValidation]
    ]
    parts: NotRequired[
        Annotated[
            Parts,
            Field(description="What was said, instead of text: each part an object with exactly one member."),
        ]
    ]


def _shape(turn: object) -> object:
    # Reports one error for each turn. pydantic would report one for each unknown member, and a body can have hundreds
    # of thousands.
    if isinstance(turn, Mapping) and turn.keys() == _PLAIN:
        return turn
    if not isinstance(turn, Mapping):
        raise shape_error(TURN_RULE)
    given = {name: value for name, value in turn.items() if value is not None}
    strange = next((name for name in given if name not in TurnDocument.__annotations__), None)
    if strange is not None:
        raise shape_error(f"{TURN_RULE}; {shown_name(strange)} is not a known field")
    if "role" not in given or not given.keys() - {"role"}:
        raise shape_error(TURN_RULE)
    return given


Turns: TypeAlias = Annotated[list[Annotated[TurnDocument, BeforeValidator(_shape)]], Field(max_length=MAX_TURNS)]
