"""The deltas of an answer: every reader gets all the text from any position, and few objects are kept."""

import random
import sys

import pytest

from llm_relay.messages import (
    Delta,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    answer_parts,
)
from server_b.core.answer.transcript import JOIN_AT, Transcript
from server_b.providers.content_pieces import (
    CallArguments,
    CallFinished,
    CallStarted,
    ContentPiece,
    ReasoningPiece,
    RefusalPiece,
)


def filled(count: int) -> Transcript:
    transcript = Transcript()
    for number in range(count):
        transcript.add(f"{number} ")
    return transcript


def test_text_after_a_number_is_one_delta_under_the_last_number() -> None:
    transcript = filled(4)
    assert transcript.after(1) == [Delta(text="0 1 2 3 ", sequence=5)]
    assert transcript.after(4) == [Delta(text="3 ", sequence=5)]
    assert transcript.after(5) == []


def test_a_delta_of_several_has_the_number_of_the_last() -> None:
    transcript = Transcript()
    transcript.add("ab", count=2)
    transcript.add("c")
    assert [delta.sequence for delta in transcript.after(3)] == [4]


@pytest.mark.parametrize("seed", range(20))
def test_readers_at_any_pace_get_all_of_it_even_if_old_deltas_are_joined(seed: int) -> None:
    chance = random.Random(seed)
    transcript, places, texts = Transcript(), [1, 1], ["", ""]
    for number in range(3 * JOIN_AT):
        transcript.add(f"{number} ", chance.randint(1, 3))
        reader = chance.choice([0, 1, None, None])
        if reader is not None:
            for delta in transcript.after(places[reader]):
                assert isinstance(delta, Delta)
                texts[reader] += delta.text
                places[reader] = delta.sequence
        if transcript.is_scattered:
            transcript.join_until(min(places))
    for reader in (0, 1):
        texts[reader] += "".join(delta.text for delta in transcript.after(places[reader]) if isinstance(delta, Delta))
    assert texts[0] == texts[1] == transcript.text


def test_joining_frees_memory_and_the_byte_count_shows_it() -> None:
    transcript = filled(JOIN_AT)
    before = transcript.bytes
    transcript.join_until(transcript.sequence)
    assert not transcript.is_scattered
    assert transcript.bytes < before / 10
    assert transcript.bytes == Transcript(transcript.deltas).bytes


def test_wide_text_counts_with_the_memory_it_uses() -> None:
    narrow, wide = Transcript(), Transcript()
    narrow.add("a" * 10_000)
    wide.add("世" * 10_000)
    assert wide.bytes - narrow.bytes == sys.getsizeof("世" * 10_000) - sys.getsizeof("a" * 10_000)


def test_neighbours_of_one_kind_and_block_are_joined() -> None:
    transcript = Transcript()
    for piece in (
        ReasoningPiece(0, text="h", id="t"),
        ReasoningPiece(0, text="m"),
        ReasoningPiece(0, signature=b"s"),
        CallStarted(1, "c1", "a"),
        CallArguments(1, '{"x"'),
        CallArguments(1, ":1}"),
        CallStarted(2, "c2", "b"),
        CallFinished(1),
        CallFinished(2),
        RefusalPiece(3, "N"),
        RefusalPiece(3, "o", count=2),
    ):
        transcript.add_content(piece)
    one = ToolCall(id="c1", name="a", arguments_json='{"x":1}')
    two = ToolCall(id="c2", name="b", arguments_json="{}")
    assert transcript.after(1) == [
        ReasoningDelta(index=0, text="hm", signature=b"s", id="t", sequence=4),
        ToolCallStarted(index=1, id="c1", name="a", sequence=5),
        ToolCallDelta(index=1, arguments='{"x":1}', sequence=7),
        ToolCallStarted(index=2, id="c2", name="b", sequence=8),
        ToolCallFinished(index=1, call=one, arguments_valid=True, sequence=9),
        ToolCallDelta(index=2, arguments="{}", sequence=10),
        ToolCallFinished(index=2, call=two, arguments_valid=True, sequence=11),
        RefusalDelta(index=3, text="No", sequence=14),
    ]
    assert answer_parts(transcript.deltas, "p") == (
        Reasoning(text="hm", signature=b"s", id="t", provider="p"),
        one,
        two,
        Refusal(text="No"),
    )
    assert (transcript.text, transcript.reasoning, transcript.written) == ("", "hm", 'a{"x":1}b{}No')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ReasoningPiece(0, text="a", signature=b"s"), ReasoningPiece(0, text="b", signature=b"t")),
        (ReasoningPiece(0, text="a", signature=b"s"), ReasoningPiece(0, text="b")),
        (ReasoningPiece(0, redacted=b"r"), ReasoningPiece(0, redacted=b"q")),
        (ReasoningPiece(0, text="a"), ReasoningPiece(0, redacted=b"q")),
        (ReasoningPiece(0, text="a", id="one"), ReasoningPiece(0, text="b", id="other")),
        (ReasoningPiece(0, text="a"), ReasoningPiece(1, text="b")),
        (ReasoningPiece(0, text="a"), RefusalPiece(0, "b")),
    ],
    ids=["signed twice", "signed", "redacted twice", "redacted", "ids", "blocks", "kinds"],
)
def test_pieces_that_would_lose_something_are_not_joined(one: ContentPiece, other: ContentPiece) -> None:
    transcript = Transcript()
    transcript.add_content(one)
    transcript.add_content(other)
    apart = [*transcript.after(2), *transcript.deltas[:1]]
    transcript.join_until(transcript.sequence)
    assert len(transcript.deltas) == 2
    assert [*transcript.after(2), *transcript.deltas[:1]] == apart


def test_interleaved_calls_keep_their_order() -> None:
    transcript = Transcript()
    pieces: list[ContentPiece] = [CallStarted(0, "c1", "a"), CallStarted(1, "c2", "b")]
    pieces += [CallArguments(0, "["), CallArguments(1, "{"), CallArguments(0, "]"), CallArguments(1, "!")]
    for piece in [*pieces, CallFinished(0), CallFinished(1, b"sig")]:
        transcript.add_content(piece)
    parts = answer_parts(transcript.deltas, "p")
    assert parts == (
        ToolCall(id="c1", name="a", arguments_json="[]"),
        ToolCall(id="c2", name="b", arguments_json="{!", signature=b"sig"),
    )
    assert [one.arguments_valid for one in transcript.after(1) if isinstance(one, ToolCallFinished)] == [True, False]


def test_text_alone_has_no_parts() -> None:
    assert answer_parts(filled(3).deltas, "p") == ()
