"""Errors of pydantic in plain texts, without the values that caused them."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llm_relay.validation_texts import validation_text


class Shape(BaseModel):
    """A member for each kind of error."""

    model_config = ConfigDict(extra="forbid")

    count: int = Field(1, ge=1, le=10)
    share: float = Field(1, gt=0, le=2)
    name: str = Field("a", min_length=1, max_length=3)
    is_on: bool = False
    items: list[int] = Field([1], min_length=1, max_length=2)
    pairs: list[int] = Field([1, 2], min_length=2)
    state: Literal["", "open", "lost", "refused"] = ""
    inner: "Shape | None" = None


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("count", 0, "must be 1 or more"),
        ("count", 11, "must be 10 or less"),
        ("count", "many", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("share", 0, "must be more than 0"),
        ("share", 2.5, "must be 2 or less"),
        ("share", "half", "must be a number"),
        ("name", "", "must not be empty"),
        ("name", "long", "must have at most 3 characters"),
        ("name", 5, "must be text"),
        ("is_on", "maybe", "must be true or false"),
        ("is_on", [], "must be true or false"),
        ("items", [], "must not be empty"),
        ("items", [1, 2, 3], "must have at most 2 items"),
        ("items", 5, "must be a list"),
        ("pairs", [1], "must have at least 2 items"),
        ("state", "closed", "must be open, lost or refused"),
        ("inner", 5, "must be a JSON object"),
        ("other", 5, "is not known"),
    ],
)
def test_a_bad_value_is_described_in_plain_words(member: str, value: object, text: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Shape.model_validate({member: value})
    (detail,) = raised.value.errors()
    assert validation_text(detail["type"], detail.get("ctx", {})) == text


def test_a_missing_member_is_required() -> None:
    class Needed(BaseModel):
        name: str

    with pytest.raises(ValidationError) as raised:
        Needed.model_validate({})
    assert validation_text(raised.value.errors()[0]["type"], {}) == "is required"


def test_other_errors_have_no_text_here() -> None:
    assert validation_text("value_error", {"error": "secret"}) is None
