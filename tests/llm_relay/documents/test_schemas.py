"""The schemas of tools: short, and without keywords that some model providers refuse."""

from typing import NotRequired

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from llm_relay.documents import arguments_schema, result_schema


class Node(BaseModel):
    """A tree."""

    name: str = Field(description="Its name", min_length=1, max_length=9, pattern="^[a-z]*$")
    children: list["Node"] | None = Field(None, description="What hangs on it")


def test_a_model_that_contains_itself_ends() -> None:
    assert arguments_schema(Node, in_full=("children",)) == {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "Its name"},
            "children": {"type": "array", "description": "What hangs on it", "items": {"type": "object"}},
        },
    }


class Leaf(TypedDict):
    """A leaf."""

    colour: str


class Branch(BaseModel):
    """A branch."""

    leaves: list[Leaf] = Field(description="What is green")
    best: Leaf = Field(description="The greenest")


SHORT = {
    "leaves": {"type": "array", "description": "What is green", "items": {"type": "object"}},
    "best": {"type": "object", "description": "The greenest"},
}


def test_the_contents_of_a_property_are_shown_only_on_request() -> None:
    assert arguments_schema(Branch)["properties"] == SHORT
    leaf = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
    assert arguments_schema(Branch, in_full=("leaves",))["properties"] == {
        **SHORT,
        "leaves": {"type": "array", "description": "What is green", "items": leaf},
    }


class Usage(TypedDict):
    """What it cost."""

    tokens: int


class Result(TypedDict):
    """A result."""

    text: str
    count: int | None
    names: list[str]
    usage: Usage
    note: NotRequired[str]


def test_a_result_has_the_types_of_its_members() -> None:
    assert result_schema(Result) == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": ["integer", "null"]},
            "names": {"type": "array", "items": {"type": "string"}},
            "usage": {"type": "object", "description": "What it cost."},
            "note": {"type": "string"},
        },
    }


@pytest.mark.parametrize("keyword", ["title", "$defs", "$ref", "anyOf", "default", "required"])
def test_a_result_wastes_no_keywords(keyword: str) -> None:
    assert f"'{keyword}'" not in str(result_schema(Result))
