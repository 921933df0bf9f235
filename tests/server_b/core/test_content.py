"""Prompts with more than text: unsupported content is refused before the provider is called; the rest is passed on."""

import pytest

from llm_relay.errors import ProviderProtocol, Unsupported
from llm_relay.messages import (
    Delta,
    FinishReason,
    Prompt,
    Reasoning,
    ReasoningDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from server_b.providers.base import Ending, Text
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece
from server_b.providers.fallback import Fallback
from tests.support.chains import Named
from tests.support.relayed import streamed, whole
from tests.support.scripted import HELLO, OPENING, ScriptedProvider, Step
from tests.support.serving import create_relay

pytestmark = pytest.mark.anyio

CALLING: tuple[Step, ...] = (
    OPENING,
    ReasoningPiece(0, text="hm"),
    ReasoningPiece(0, signature=b"s"),
    Text("Let me see", index=1),
    CallStarted(2, "c1", "weather"),
    CallArguments(2, '{"in": "Oslo"}'),
    CallFinished(2),
    Ending(FinishReason.TOOL_CALLS, None),
)
CALL = ToolCall(id="c1", name="weather", arguments_json='{"in": "Oslo"}')


async def test_unsupported_content_is_refused_without_calling_the_provider() -> None:
    provider = ScriptedProvider(HELLO)
    provider.unsupported = Unsupported("parts: not supported by scripted")
    relay = create_relay(provider)
    for ask in (whole, streamed):
        with pytest.raises(Unsupported, match=r"^parts") as refused:
            await ask(relay, Prompt(message="Hi", request_id="r-1"))
        assert refused.value.request_id == "r-1"
    assert provider.tries == []


async def test_a_chain_uses_the_provider_that_supports_it() -> None:
    one, other = Named("one", HELLO), Named("other", HELLO)
    one.unsupported = Unsupported("parts: not supported by one")
    answer = await whole(create_relay(Fallback([one, other], {})), Prompt(message="Hi"))
    assert (answer.provider, one.tries) == ("other", [])


async def test_an_answer_has_its_parts_in_order() -> None:
    answer = await whole(create_relay(ScriptedProvider(CALLING)), Prompt(message="Hi"))
    reasoning = Reasoning(text="hm", signature=b"s", provider="scripted")
    assert answer.parts == (reasoning, TextPart(text="Let me see"), CALL)
    assert (answer.text, answer.finished.finish_reason) == ("Let me see", FinishReason.TOOL_CALLS)


async def test_a_stream_has_typed_deltas_and_a_repeat_the_same() -> None:
    relay = create_relay(ScriptedProvider(CALLING))
    _, *deltas, finished = await streamed(relay, Prompt(message="Hi", request_id="r-1"))
    assert [type(delta) for delta in deltas if not isinstance(delta, ReasoningDelta)] == [
        Delta,
        ToolCallStarted,
        ToolCallDelta,
        ToolCallFinished,
    ]
    assert deltas[-1] == ToolCallFinished(index=2, call=CALL, arguments_valid=True, sequence=7)
    assert finished.sequence == 8
    _, *again, _ = await streamed(relay, Prompt(message="Hi", request_id="r-1"))
    assert again[-4:] == deltas[-4:]


async def test_a_stream_cut_during_arguments_is_an_error() -> None:
    provider = ScriptedProvider((OPENING, CallStarted(0, "c1", "weather"), CallArguments(0, '{"in"')))
    with pytest.raises(ProviderProtocol):
        await whole(create_relay(provider), Prompt(message="Hi"))
    assert len(provider.tries) == 1
