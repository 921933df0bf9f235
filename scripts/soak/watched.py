"""The memory and files of a program during a soak test, and what is left at the end."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from tests.support.programs import Program
from tests.support.resources import memory_kib, open_files

MOST_SLOPE_KIB = 512
PER_CALLS = 10_000
FEWEST_CALLS = 2_000
"""How many calls the second half needs at least to measure a slope."""
STOP_WITHIN_S = 8.0
"""Well below DRAIN_SECONDS: a leaked call would delay the stop until then."""

Sample = tuple[int, int]
"""How many calls had ended, and the memory in KiB."""


@dataclass
class Watched:
    """A program and its measurements."""

    name: str
    program: Program
    files: int
    """How many files were open before the first call."""
    samples: list[Sample] = field(default_factory=list)
    files_left: int = 0
    stopped: bool = False

    def sample(self, calls: int) -> None:
        """Records its memory after `calls` calls."""
        self.samples.append((calls, memory_kib(self.program.process.pid)))

    def count_files(self) -> int:
        """Returns how many more files are open than before the first call."""
        return max(0, open_files(self.program.process.pid) - self.files)

    async def stop(self) -> None:
        """Stops it, and records what was open and whether it exited in time with 0."""
        self.files_left = self.count_files()
        with contextlib.suppress(TimeoutError):
            self.stopped = await self.program.stop(within_s=STOP_WITHIN_S) == 0

    @property
    def slope_kib(self) -> float:
        """The growth of memory in the second half, in KiB per 10,000 calls."""
        return slope(self.samples[len(self.samples) // 2 :]) * PER_CALLS

    def leaks(self) -> list[str]:
        """Returns a sentence for each leak."""
        half = self.samples[len(self.samples) // 2 :]
        enough = half[-1][0] - half[0][0] >= FEWEST_CALLS
        found = {
            f"{self.name}: {self.slope_kib / 1024:.2f} MiB more per 10,000 calls": (
                enough and self.slope_kib > MOST_SLOPE_KIB
            ),
            f"{self.name}: {self.files_left} more files than at the start": self.files_left > 0,
            f"{self.name}: something delayed its stop": not self.stopped,
        }
        return [sentence for sentence, is_so in found.items() if is_so]


def slope(samples: Sequence[Sample]) -> float:
    """Returns the growth of memory per call: the median of the slopes between any two samples (Theil and Sen)."""
    slopes = [
        (kib - before) / (calls - earlier)
        for (earlier, before), (calls, kib) in combinations(samples, 2)
        if calls > earlier
    ]
    return statistics.median(slopes) if slopes else 0.0
