"""What a program takes while it is soaked, and what is left of it at the end."""

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
"""In the second half: fewer say nothing about a slope."""
STOP_WITHIN_S = 8.0
"""Well under DRAIN_SECONDS: a call that was left over would hold the stop up until then."""

Sample = tuple[int, int]
"""How many calls had ended, and the memory in KiB."""


@dataclass
class Watched:
    """A program, and what it takes."""

    name: str
    program: Program
    files: int
    """Open before the first call."""
    samples: list[Sample] = field(default_factory=list)
    files_left: int = 0
    stopped: bool = False

    def sample(self, calls: int) -> None:
        """Notes how much memory it holds after so many calls."""
        self.samples.append((calls, memory_kib(self.program.process.pid)))

    def count_files(self) -> int:
        """Returns how many more files are open than before the first call."""
        return max(0, open_files(self.program.process.pid) - self.files)

    async def stop(self) -> None:
        """Tells it to stop, and notes what was open until then and whether it stopped in good time and with 0."""
        self.files_left = self.count_files()
        with contextlib.suppress(TimeoutError):
            self.stopped = await self.program.stop(within_s=STOP_WITHIN_S) == 0

    @property
    def slope_kib(self) -> float:
        """How much memory grew in the second half, in KiB for 10,000 calls."""
        return slope(self.samples[len(self.samples) // 2 :]) * PER_CALLS

    def leaks(self) -> list[str]:
        """Returns a sentence for each leak."""
        half = self.samples[len(self.samples) // 2 :]
        enough = half[-1][0] - half[0][0] >= FEWEST_CALLS
        found = {
            f"{self.name}: {self.slope_kib / 1024:.2f} MiB more for 10,000 calls": (
                enough and self.slope_kib > MOST_SLOPE_KIB
            ),
            f"{self.name}: {self.files_left} files more than at the start": self.files_left > 0,
            f"{self.name}: something held its stop up": not self.stopped,
        }
        return [sentence for sentence, is_so in found.items() if is_so]


def slope(samples: Sequence[Sample]) -> float:
    """Returns how much memory grows with a call: the median of the slopes between any two samples (Theil and Sen)."""
    slopes = [
        (kib - before) / (calls - earlier)
        for (earlier, before), (calls, kib) in combinations(samples, 2)
        if calls > earlier
    ]
    return statistics.median(slopes) if slopes else 0.0
