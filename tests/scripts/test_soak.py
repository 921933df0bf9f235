"""How the soak distinguishes memory that grows from memory that only fluctuates."""

import random

from scripts.soak.watched import slope


def test_memory_that_grows_with_the_calls_has_its_slope() -> None:
    assert slope([(calls, 50_000 + calls // 2) for calls in range(0, 20_000, 1000)]) == 0.5


def test_single_jumps_are_no_slope() -> None:
    steady = [(calls, 50_000) for calls in range(0, 20_000, 1000)]
    steady[7] = (7_000, 90_000)
    assert slope(steady) == 0


def test_noise_is_hardly_a_slope() -> None:
    noise = random.Random(1)
    samples = [(calls, 50_000 + noise.randrange(500)) for calls in range(0, 10_000, 300)]
    assert abs(slope(samples)) * 10_000 < 300


def test_no_calls_have_no_slope() -> None:
    assert slope([(0, 50_000), (0, 60_000)]) == 0
