"""What a model reads about an incomplete answer."""

import pytest

from llm_relay.mcp.finish_notices import NOTICES, with_finish_notice
from llm_relay.messages import FinishReason


@pytest.mark.parametrize("reason", NOTICES)
@pytest.mark.parametrize("text", ["Half an", ""])
def test_an_incomplete_answer_ends_with_a_notice(text: str, reason: FinishReason) -> None:
    shown = with_finish_notice(text, reason)
    assert shown.startswith(text)
    assert shown.endswith(f"(finish reason: {reason.value}).]")
    assert shown == shown.strip()


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.OTHER, None])
def test_a_complete_answer_is_its_text(reason: FinishReason | None) -> None:
    assert with_finish_notice("Hello", reason) == "Hello"
