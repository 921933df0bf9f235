"""A prompt with more than text is refused before anything is spent, until the core can carry it."""

import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import Options, Prompt, Role, TextPart, Turn
from tests.support.relayed import streamed, whole
from tests.support.scripted import HELLO, ScriptedProvider
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

TEXT = TextPart(text="Hi")


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        (Prompt(message="Hi", request_id="a", parts=(TEXT,)), "parts"),
        (Prompt(message="Hi", request_id="a", options=Options(service_tier="flex")), "options"),
        (
            Prompt(message="Hi", request_id="a", history=(Turn(role=Role.USER, parts=(TEXT,)),)),
            r"history\[0\]\.parts",
        ),
        (Prompt(message="Hi", request_id="a", history=(Turn(role=Role.SYSTEM, text="Hi"),)), r"history\[0\]\.role"),
    ],
    ids=["parts", "options", "turn", "system"],
)
async def test_content_is_unsupported_and_the_provider_is_not_asked(prompt: Prompt, field: str) -> None:
    relay = create_relay(provider := ScriptedProvider(HELLO))
    for ask in (whole, streamed):
        with pytest.raises(Unsupported, match=f"^{field}.*: not supported") as refused:
            await ask(relay, prompt)
        assert refused.value.request_id == "a"
    assert provider.tries == []
