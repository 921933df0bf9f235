"""A Prompt that exists is valid."""

from typing import Any

import pytest

from llm_relay.errors import MAX_VIOLATIONS, InvalidRequest
from llm_relay.messages import MAX_TURNS, CachePoint, Image, Prompt, Role, TextPart, Turn
from tests.support.refused_fields import SECRET, fields_refused

PNG = Image(media_type="image/png", data=b"png")


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u2003", None, 7, b"Hi", ["Hi"], f"{SECRET}\0", f"{SECRET}\ud800"])
def test_a_message_that_is_blank_not_text_or_not_encodable_is_refused(text: object) -> None:
    assert fields_refused(message=text) == ["message"]


@pytest.mark.parametrize("text", [7, f"{SECRET}\0", f"{SECRET}\udfff", ("Hi",)])
@pytest.mark.parametrize("field", ["context", "model"])
def test_a_context_or_model_that_is_not_encodable_is_refused(field: str, text: object) -> None:
    assert fields_refused(**{field: text}) == [field]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_context_or_model_is_the_same_as_none(blank: str | None) -> None:
    assert Prompt(message="Hi", context=blank, model=blank).message == "Hi"


def test_an_overlong_model_name_is_refused_because_errors_repeat_it() -> None:
    assert Prompt(message="Hi", model="m" * 512).model == "m" * 512
    assert fields_refused(model="m" * 513) == ["model"]


@pytest.mark.parametrize(
    "temperature",
    [-0.001, 2.001, float("nan"), float("inf"), float("-inf"), 10**400, -(10**400), True, False, "1", "", [], 1j],
)
def test_a_temperature_that_is_no_number_from_0_to_2_is_refused(temperature: object) -> None:
    assert fields_refused(temperature=temperature) == ["temperature"]


@pytest.mark.parametrize("temperature", [None, 0, 0.0, -0.0, 1, 0.7, 2, 2.0])
def test_a_temperature_from_0_to_2_or_none_is_accepted(temperature: float | None) -> None:
    assert Prompt(message="Hi", temperature=temperature).temperature == temperature


@pytest.mark.parametrize("max_tokens", [0, -1, 2**31, 1.0, 1.5, True, False, "10", float("nan"), 10**400])
def test_a_max_tokens_that_is_no_whole_number_from_1_is_refused(max_tokens: object) -> None:
    assert fields_refused(max_tokens=max_tokens) == ["max_tokens"]


@pytest.mark.parametrize("max_tokens", [None, 1, 1000, 2**31 - 1])
def test_a_max_tokens_from_1_or_none_is_accepted(max_tokens: int | None) -> None:
    assert Prompt(message="Hi", max_tokens=max_tokens).max_tokens == max_tokens


@pytest.mark.parametrize(
    "request_id", [" ", "a b", "a/b", "ä", "a\n", "\u0661", "a" * 129, "a\0", None, 5, b"a", f"{SECRET}!"]
)
def test_a_request_id_of_other_characters_or_lengths_is_refused(request_id: object) -> None:
    assert fields_refused(request_id=request_id) == ["request_id"]


@pytest.mark.parametrize("request_id", ["", "a", "A-Z_a.z:09", "a" * 128])
def test_a_request_id_of_the_contract_or_none_is_accepted(request_id: str) -> None:
    assert Prompt(message="Hi", request_id=request_id).request_id == request_id


@pytest.mark.parametrize("role", ["user", None, "system", 1, "ROLE_USER"])
def test_a_turn_with_an_unknown_role_is_refused_with_its_position(role: Any) -> None:
    good = Turn(role=Role.USER, text="Hi")
    assert fields_refused(history=(good, Turn(role=role, text="Hi"))) == ["history[1].role"]


@pytest.mark.parametrize("text", ["", "  ", None, f"{SECRET}\0", f"{SECRET}\ud800"])
def test_a_turn_whose_text_is_not_encodable_is_refused_with_its_position(text: Any) -> None:
    good = Turn(role=Role.ASSISTANT, text="Hi")
    assert fields_refused(history=(good, good, Turn(role=Role.USER, text=text))) == ["history[2].text"]


def test_every_bad_field_is_named_at_once() -> None:
    bad_turn = Turn(role=None, text="")  # type: ignore[arg-type]
    refused = fields_refused(
        message="", context=1, model=2, history=(bad_turn,), temperature=3, max_tokens=0, request_id="!"
    )
    assert sorted(refused) == [
        "context",
        "history[0].role",
        "history[0].text",
        "max_tokens",
        "message",
        "model",
        "request_id",
        "temperature",
    ]


def test_no_more_violations_are_named_than_a_status_can_carry() -> None:
    history = (Turn(role=Role.USER, text=""),) * (MAX_VIOLATIONS + 1)
    with pytest.raises(InvalidRequest, match=r"; and more$") as refused:
        Prompt(message="Hi", history=history)
    assert len(refused.value.violations) == MAX_VIOLATIONS


def test_the_length_of_a_history_is_limited() -> None:
    turn = Turn(role=Role.USER, text="Hi")
    assert len(Prompt(message="Hi", history=(turn,) * MAX_TURNS).history) == MAX_TURNS
    with pytest.raises(InvalidRequest, match=r"^history: must have at most 10000 turns$"):
        Prompt(message="Hi", history=(turn,) * (MAX_TURNS + 1))


def test_text_of_every_script_is_accepted() -> None:
    text = "Grüße, 世界 👋🏽 \u202e\r\n\t\x01"
    assert Prompt(message=text, context=text, history=(Turn(role=Role.USER, text=text),)).message == text


@pytest.mark.parametrize("part", [TextPart(text="Hi"), PNG])
def test_the_message_may_be_empty_if_a_part_has_content(part: TextPart | Image) -> None:
    assert Prompt(parts=(part,)).message == ""


@pytest.mark.parametrize("message", [" ", "\n"])
def test_a_blank_message_is_refused_beside_parts_too(message: str) -> None:
    assert fields_refused(message=message, parts=(PNG,)) == ["message"]


@pytest.mark.parametrize("parts", [(), (CachePoint(),), (CachePoint(), CachePoint())])
def test_an_empty_prompt_is_refused(parts: tuple[CachePoint, ...]) -> None:
    assert fields_refused(message="", parts=parts) == ["message"]


def test_a_turn_with_text_and_parts_is_refused() -> None:
    turn = Turn(role=Role.USER, text="Hi", parts=(TextPart(text="Hi"),))
    assert fields_refused(history=(turn,)) == ["history[0]"]


@pytest.mark.parametrize("role", list(Role))
def test_a_turn_of_every_role_may_have_text_or_parts(role: Role) -> None:
    history = (Turn(role=role, text="Hi"), Turn(role=role, parts=(TextPart(text="Hi"),)))
    assert Prompt(message="Hi", history=history).history == history
