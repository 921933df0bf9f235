"""Prompts from JSON: one model, and every bad field named at once."""

from typing import Any

import pytest

from llm_relay.documents import PromptDocument, arguments_schema, body_schema, prompt_from_document
from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest
from llm_relay.messages import Prompt, Role, Turn

SECRET = "sk-live-0123456789"
TEXT_FIELDS = ["message", "context", "history", "model", "temperature", "max_tokens", "request_id"]
OPTIONS = ["tools", "tool_choice", "response_format", "sampling", "thinking", "tags", "provider_options"]
FIELDS = [*TEXT_FIELDS, "parts", *OPTIONS, "service_tier", "max_cost_usd", "end_user"]


def fields_refused(document: object) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document(document)
    assert SECRET not in str(refused.value)
    return [violation.field for violation in refused.value.violations]


def test_a_prompt_is_read_from_all_its_fields() -> None:
    assert prompt_from_document(
        {
            "message": "Hi",
            "context": "Be short",
            "history": [{"role": "user", "text": "a"}, {"role": "ROLE_ASSISTANT", "text": "b"}],
            "model": "m",
            "temperature": 0,
            "max_tokens": 5,
            "request_id": "id-1",
        }
    ) == Prompt(
        message="Hi",
        context="Be short",
        history=(Turn(role=Role.USER, text="a"), Turn(role=Role.ASSISTANT, text="b")),
        model="m",
        temperature=0,
        max_tokens=5,
        request_id="id-1",
    )


def test_null_is_the_same_as_absent() -> None:
    names = ("context", "history", "model", "temperature", "max_tokens", "request_id")
    assert prompt_from_document({"message": "Hi", **dict.fromkeys(names)}) == Prompt(message="Hi")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "message: is required"),
        ({"message": None}, "message: is required"),
        ({"message": ""}, "message: must not be blank"),
        ({"message": 5}, "message: must be text"),
        ({"message": [SECRET]}, "message: must be text"),
    ],
)
def test_a_missing_message_is_required_and_a_bad_one_is_named(document: object, text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document(document)
    assert str(refused.value) == text


@pytest.mark.parametrize("document", [{"prompt": "Hi"}, {"prompt": "Hi", "message": None}, {"messages": []}])
def test_an_unknown_name_is_refused_with_the_known_and_the_required_names(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document(document)
    (guessed, *_) = document
    assert [violation.field for violation in refused.value.violations] == [guessed, "message"]
    text = str(refused.value)
    assert f"{guessed}: is not a known field" in text
    assert all(field in text for field in FIELDS)
    assert "message (required)" in text
    assert "message: is required" in text


@pytest.mark.parametrize(("name", "meant"), [("maxTokens", "max_tokens"), ("Message", "message"), ("modell", "model")])
def test_a_name_that_is_close_to_a_known_one_is_corrected(name: str, meant: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"did you mean {meant}\?"):
        prompt_from_document({"message": "Hi", name: 1})


@pytest.mark.parametrize("document", [None, [], "Hi", 5, True])
def test_a_value_that_is_not_an_object_is_refused(document: object) -> None:
    assert fields_refused(document) == ["(body)"]


def test_unknown_names_are_named() -> None:
    assert fields_refused({"message": "Hi", "maxTokens": 5, "prompt": "x"}) == ["maxTokens", "prompt"]


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "\n\0", "'", ""])
def test_an_unknown_name_is_repeated_only_in_part_and_in_plain_ascii(name: str) -> None:
    (shown,) = fields_refused({"message": "Hi", name: 1})
    assert len(shown) <= 40
    assert shown.isascii()
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "0.5"),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 10**400),
        ("temperature", True),
        ("max_tokens", 1.5),
        ("max_tokens", {}),
        ("context", 5),
        ("model", []),
        ("request_id", 5),
        ("request_id", "not good"),
        ("history", "user"),
        ("history", {"role": "user"}),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_named(field: str, value: object) -> None:
    assert fields_refused({"message": "Hi", field: value}) == [field]


@pytest.mark.parametrize(
    ("turn", "field"),
    [
        (None, "history[1]"),
        ("user", "history[1]"),
        ({}, "history[1]"),
        ({"role": "user"}, "history[1]"),
        ({"role": "user", "text": "a", "more": 1}, "history[1]"),
        ({"role": "robot", "text": "a"}, "history[1].role"),
        ({"role": [SECRET], "text": "a"}, "history[1].role"),
        ({"role": "user", "text": ""}, "history[1].text"),
        ({"role": "user", "text": 5}, "history[1].text"),
    ],
)
def test_a_bad_turn_is_named_with_its_position(turn: object, field: str) -> None:
    assert fields_refused({"message": "Hi", "history": [{"role": "user", "text": "a"}, turn]}) == [field]


def test_a_turn_after_an_unreadable_one_keeps_its_position() -> None:
    history = [None, {"role": "user", "text": ""}]
    assert sorted(fields_refused({"message": "Hi", "history": history})) == ["history[0]", "history[1].text"]


@pytest.mark.parametrize("bad", [{"history": [{}] * 200_000}, {f"x{place}": 1 for place in range(200_000)}])
def test_of_very_many_faults_the_first_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prompt_from_document({"message": "Hi", **bad})
    assert 1 <= len(refused.value.violations) <= MAX_VIOLATIONS


def test_bad_fields_and_bad_turns_are_named_at_once() -> None:
    assert sorted(fields_refused({"message": "", "temperature": 3, "history": [5]})) == [
        "history[0]",
        "message",
        "temperature",
    ]


def test_an_unknown_name_in_a_turn_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"history\[0\]: .*content is not a known field"):
        prompt_from_document({"message": "Hi", "history": [{"role": "user", "content": "x"}]})


def test_an_unknown_name_and_bad_values_are_named_at_once() -> None:
    assert fields_refused(
        {"prompt": "x", "message": "", "temperature": 3, "history": [{}, {"role": "x", "text": "y"}]}
    ) == [
        "prompt",
        "history[0]",
        "message",
        "history[1].role",
        "temperature",
    ]


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "r-1"), ({"request_id": ""}, "r-1"), ({"request_id": "r-2"}, "r-2")]
)
def test_a_request_id_is_used_if_the_document_has_none(given: dict[str, Any], expected: str) -> None:
    assert prompt_from_document({"message": "Hi", **given}, request_id="r-1").request_id == expected


def properties(schema: object) -> list[dict[str, Any]]:
    """Returns all properties in a schema, at any depth."""
    if not isinstance(schema, dict):
        return []
    own = [one for name, value in schema.items() for one in (value.values() if name == "properties" else ())]
    return own + [deeper for value in schema.values() for deeper in properties(value)]


@pytest.mark.parametrize(
    "schema",
    [body_schema(PromptDocument), arguments_schema(PromptDocument, in_full=("history",))],
    ids=["body", "tool"],
)
def test_every_property_has_a_type_and_a_description(schema: dict[str, Any]) -> None:
    assert list(schema["properties"]) == FIELDS
    assert schema["required"] == ["message"]
    assert schema["additionalProperties"] is False
    assert len(properties(schema)) >= len(FIELDS) + 3  # a turn's role, text and parts
    for one in properties(schema):
        assert one["type"]
        assert one["description"]


def test_the_schema_of_a_tool_has_only_what_every_model_provider_accepts() -> None:
    text = str(arguments_schema(PromptDocument, in_full=("history",)))
    assert all(
        isinstance(one["type"], str) for one in properties(arguments_schema(PromptDocument, in_full=("history",)))
    )
    assert not [
        word for word in ("$ref", "$defs", "anyOf", "pattern", "title", "default", "null") if f"'{word}'" in text
    ]


def test_the_schema_of_a_body_allows_null_where_it_means_absent() -> None:
    nullable = {name for name, one in body_schema(PromptDocument)["properties"].items() if "null" in one["type"]}
    assert nullable == set(FIELDS) - {"message"}
