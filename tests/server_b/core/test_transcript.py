"""The deltas of an answer: whoever reads from wherever gets all the text, and few objects are kept."""

import random
import sys

import pytest

from llm_relay.messages import Delta
from server_b.core.transcript import JOIN_AT, Transcript


def filled(count: int) -> Transcript:
    transcript = Transcript()
    for number in range(count):
        transcript.add(f"{number} ")
    return transcript


def test_what_comes_after_a_number_is_one_delta_under_the_last() -> None:
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
def test_readers_at_any_pace_get_all_of_it_also_when_old_deltas_are_joined(seed: int) -> None:
    chance = random.Random(seed)
    transcript, places, texts = Transcript(), [1, 1], ["", ""]
    for number in range(3 * JOIN_AT):
        transcript.add(f"{number} ", chance.randint(1, 3))
        reader = chance.choice([0, 1, None, None])
        if reader is not None:
            for delta in transcript.after(places[reader]):
                texts[reader] += delta.text
                places[reader] = delta.sequence
        if transcript.is_scattered:
            transcript.join_until(min(places))
    for reader in (0, 1):
        texts[reader] += "".join(delta.text for delta in transcript.after(places[reader]))
    assert texts[0] == texts[1] == transcript.text


def test_joining_gives_memory_back_and_the_count_of_bytes_knows() -> None:
    transcript = filled(JOIN_AT)
    before = transcript.bytes
    transcript.join_until(transcript.sequence)
    assert not transcript.is_scattered
    assert transcript.bytes < before / 10
    assert transcript.bytes == Transcript(transcript.deltas).bytes


def test_wide_text_weighs_what_it_takes() -> None:
    narrow, wide = Transcript(), Transcript()
    narrow.add("a" * 10_000)
    wide.add("世" * 10_000)
    assert wide.bytes - narrow.bytes == sys.getsizeof("世" * 10_000) - sys.getsizeof("a" * 10_000)
