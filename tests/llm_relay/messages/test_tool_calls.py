"""Each tool call is answered exactly once, in the user turn that follows it."""

from typing import Any

import pytest

from llm_relay.messages import Part, Prompt, Role, TextPart, ToolCall, ToolResult, Turn
from tests.support.refused_fields import fields_refused


def assistant(*ids: str) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=tuple(ToolCall(id=one, name="f") for one in ids))


def results(*ids: str) -> tuple[Part, ...]:
    return tuple(ToolResult(tool_call_id=one) for one in ids)


def user(*ids: str) -> Turn:
    return Turn(role=Role.USER, parts=results(*ids))


SYSTEM = Turn(role=Role.SYSTEM, text="Be short.")
TEXT = Turn(role=Role.USER, text="Hi")


@pytest.mark.parametrize(
    ("history", "parts"),
    [
        ((TEXT, assistant("a")), results("a")),
        ((assistant("a", "b"),), results("b", "a")),
        ((assistant("a"), user("a"), assistant("b")), results("b")),
        ((assistant("a"), user("a"), assistant("a")), results("a")),
        ((assistant("a"), SYSTEM), results("a")),
        ((assistant("a"), user("a")), ()),
        ((assistant("a"),), (TextPart(text="Here:"), *results("a"))),
    ],
)
def test_calls_that_are_answered_once_are_accepted(history: tuple[Turn, ...], parts: tuple[Part, ...]) -> None:
    assert Prompt(message="Go on", history=history, parts=parts).parts == parts


@pytest.mark.parametrize(
    ("history", "parts", "fields"),
    [
        ((assistant("a"),), (), ["history[0].parts[0].tool_call"]),
        ((assistant("a", "b"),), results("a"), ["history[0].parts[1].tool_call"]),
        ((assistant("a"), TEXT), results("a"), ["history[0].parts[0].tool_call", "parts[0].tool_result.tool_call_id"]),
        ((assistant("a"), assistant("b")), results("b"), ["history[0].parts[0].tool_call"]),
        (
            (assistant("a", "b"), user("a")),
            results("b"),
            ["history[0].parts[1].tool_call", "parts[0].tool_result.tool_call_id"],
        ),
        ((assistant("a"),), results("a", "a"), ["parts[1].tool_result.tool_call_id"]),
        ((assistant("a"), user("a")), results("a"), ["parts[0].tool_result.tool_call_id"]),
        ((), results("a"), ["parts[0].tool_result.tool_call_id"]),
        ((TEXT, user("a")), (), ["history[1].parts[0].tool_result.tool_call_id"]),
        ((assistant("a", "a"),), results("a"), ["history[0].parts[1].tool_call.id"]),
        (
            (assistant("a"),),
            results("b"),
            ["parts[0].tool_result.tool_call_id", "history[0].parts[0].tool_call"],
        ),
    ],
)
def test_calls_without_a_result_and_results_without_a_call_are_refused(
    history: tuple[Turn, ...], parts: tuple[Part, ...], fields: list[str]
) -> None:
    assert fields_refused(history=history, parts=parts) == fields


@pytest.mark.parametrize("bad", [[], {}, ["a"], 5, None])
def test_an_id_that_is_no_text_is_refused_by_name(bad: Any) -> None:
    called = Turn(role=Role.ASSISTANT, parts=(ToolCall(id=bad, name="f"),))
    assert "history[0].parts[0].tool_call.id" in fields_refused(history=(called,))
    answered = fields_refused(history=(assistant("a"),), parts=(ToolResult(tool_call_id=bad),))
    assert "parts[0].tool_result.tool_call_id" in answered
