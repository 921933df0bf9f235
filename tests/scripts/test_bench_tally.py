"""What the benchmark's load counts."""

import pytest

from scripts.benchmark.asked import MARK, Asked
from scripts.benchmark.tally import Answer, Tally

TOKENS = 3
ARRIVING = b"\x00\x00 " + b" ".join([MARK] * TOKENS) + b" \x01"


def arrived(*reads: bytes, is_stream: bool = False) -> Tally:
    """Returns the counts for an answer that should have TOKENS tokens."""
    tally, done = Tally(), list[bool]()
    answer = Answer(tally, TOKENS, lambda: done.append(True), is_stream=is_stream)
    for read in reads:
        answer.receive(read)
    answer.end(b"grpc-status 14")
    assert done == [True]
    return tally


@pytest.mark.parametrize("cut", range(len(ARRIVING)))
def test_a_token_cut_between_two_reads_is_counted_once(cut: int) -> None:
    tally = arrived(ARRIVING[:cut], ARRIVING[cut:])
    assert (tally.tokens, tally.answers, tally.errors) == (TOKENS, 1, 0)


def test_an_answer_that_lacks_a_token_is_an_error() -> None:
    tally = arrived(MARK * (TOKENS - 1))
    assert (tally.answers, tally.errors) == (0, 1)
    assert tally.latencies_ns == []
    assert "2 tokens of 3" in tally.first_error
    assert "grpc-status 14" in tally.first_error


@pytest.mark.parametrize("cut", range(25))
def test_a_streams_first_token_is_timed_once_without_the_providers_own_delay(cut: int) -> None:
    first = b"data: " + MARK + b" after 0 ns "
    arriving = first + MARK * (TOKENS - 1)
    tally = arrived(arriving[:cut], arriving[cut:], is_stream=True)
    (added_ns,) = tally.added_ns
    assert added_ns >= 0


def test_a_model_name_is_parsed_back_to_its_parameters() -> None:
    asked = Asked(tokens=20, delay_ms=5, interval_ms=10)
    assert Asked.read(b'{"model":"' + asked.model.encode() + b'"}') == asked
