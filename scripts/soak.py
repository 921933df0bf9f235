"""Works the real programs for minutes, gives a third of the calls up at random moments, and looks for what is left.

python -m scripts.soak [MINUTES]: exits with 1 if memory still grows in the second half, or if a provider's
connection, a file or a call is left at the end. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.doors import Addresses, Door, Refusal, open_door
from tests.support.programs import PROJECT, Program, environment, running
from tests.support.resources import connections_to, memory_kib, open_files

DOORS = ("grpc", "http", "mcp-http-legacy", "mcp-http-modern")
WORKERS_A_DOOR = 3
GIVEN_UP = 1 / 3
LONGEST_PATIENCE_S = 0.4
"""A caller's who gives up; an answer of the stand-in takes about half of that."""
CALLS_A_CLIENT = 50
CHANCE = random.SystemRandom()
SAMPLES = 40
QUIET_WITHIN_S = 75.0
"""Idle connections to the provider are kept for 30 s, and looked for every 30 s."""
STOP_WITHIN_S = 8.0
"""Well under DRAIN_SECONDS: a call that was left over would hold the stop up until then."""
MOST_GROWTH_KIB = 2048
MOST_GROWTH = 0.03


@dataclass
class Watched:
    """A program, and what it takes."""

    name: str
    program: Program
    files: int
    """Open before the first call."""
    memory: list[int] = field(default_factory=list)
    """In KiB, evenly over the time."""
    files_left: int = 0
    stopped: bool = False

    @property
    def pid(self) -> int:
        return self.program.process.pid

    @property
    def third_quarter_kib(self) -> float:
        return statistics.median(self.memory[len(self.memory) // 2 : 3 * len(self.memory) // 4])

    @property
    def last_quarter_kib(self) -> float:
        return statistics.median(self.memory[3 * len(self.memory) // 4 :])

    def leaks(self) -> list[str]:
        """Returns a sentence for each leak."""
        growth, least = self.last_quarter_kib - self.third_quarter_kib, MOST_GROWTH * self.third_quarter_kib
        found = {
            f"{self.name}: memory grew by {growth:.0f} KiB in the second half": growth > MOST_GROWTH_KIB + least,
            f"{self.name}: {self.files_left} files more than at the start": self.files_left > 0,
            f"{self.name}: something held its stop up": not self.stopped,
        }
        return [sentence for sentence, is_so in found.items() if is_so]


@dataclass
class Soaked:
    """What came of it."""

    ends: Counter[str]
    watched: list[Watched]
    provider_connections: int

    def leaks(self) -> list[str]:
        """Returns a sentence for each leak, and for each call that ended as none should."""
        found = [sentence for one in self.watched for sentence in one.leaks()]
        if self.provider_connections:
            found.append(f"{self.provider_connections} connections to the provider left")
        return found + [f"calls ended {end}" for end in self.ends if end not in ("answered", "given up")]

    def table(self) -> str:
        """Returns it for people."""
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.most_common())
        head = "| program | MiB in the third quarter | in the last | files before | left over |\n|---|---|---|---|---|"
        rows = [
            f"| {one.name} | {one.third_quarter_kib / 1024:.1f} | {one.last_quarter_kib / 1024:.1f}"
            f" | {one.files} | {one.files_left} |"
            for one in self.watched
        ]
        return "\n".join([f"calls: {ends}; connections to the provider left: {self.provider_connections}", head, *rows])


async def soak(seconds: float, *, quiet_within_s: float = QUIET_WITHIN_S) -> Soaked:
    """Soaks for that long, and then waits `quiet_within_s` at most for everything to be at rest."""
    with tempfile.TemporaryDirectory() as name:
        async with provider() as base_url, programs(Path(name), base_url) as (watched, addresses):
            ends: Counter[str] = Counter()
            workers = [asyncio.create_task(work(door, addresses, ends)) for door in DOORS * WORKERS_A_DOOR]
            for _ in range(SAMPLES):
                await asyncio.sleep(seconds / SAMPLES)
                for one in watched:
                    one.memory.append(memory_kib(one.pid))
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            port = urlsplit(base_url).port or 0
            await rest(watched, port, quiet_within_s)
            left = connections_to(port)
            for one in watched:
                one.stopped = await stops(one.program)
    return Soaked(ends, watched, left)


@contextlib.asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Runs the OpenAI stand-in in a process of its own; yields its URL."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.standins", cwd=PROJECT, env=environment({}), stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def programs(folder: Path, base_url: str) -> AsyncIterator[tuple[list[Watched], Addresses]]:
    """Runs Server B, the gateway and Server A, each with some calls behind it."""
    # Kept answers would be memory that grows and is none the worse for it.
    settings = {
        "AI_PROVIDER": "openai",
        "OPENAI_API_KEY": "any",
        "OPENAI_BASE_URL": base_url,
        "ANSWER_KEEP_SECONDS": "2",
    }
    async with running(folder, "server_b", GRPC_PORT="0", **settings) as b:
        dial = {"SERVER_B_TARGET": b.address}
        async with (
            running(folder, "gateway", HTTP_PORT="0", **dial) as gateway,
            running(folder, "server_a", "http", MCP_PORT_A="0", **dial) as a,
        ):
            at = Addresses(server_b=b.address, gateway=gateway.address, mcp_http=a.address, mcp_sse="", folder=folder)
            for door in DOORS:
                await answered(door, at)
            named = {"server_a": a, "gateway": gateway, "server_b": b}
            yield [Watched(name, one, open_files(one.process.pid)) for name, one in named.items()], at


async def answered(door_name: str, at: Addresses) -> None:
    """Has one call answered, so that what is opened for the first of them is open."""
    async with open_door(door_name, at) as door:
        await door.stream(lambda _: None, message="Hi")


async def work(door_name: str, at: Addresses, ends: Counter[str]) -> None:
    """Calls without end, by one client after another."""
    while True:
        async with open_door(door_name, at) as door:
            for _ in range(CALLS_A_CLIENT):
                ends[await call(door)] += 1


async def call(door: Door) -> str:
    """Makes one call, whole or streamed, and gives up a third of them; returns how it ended."""
    whole, gives_up = CHANCE.random() < 1 / 2, CHANCE.random() < GIVEN_UP
    asking = asyncio.ensure_future(door.whole(message="Hi") if whole else door.stream(lambda _: None, message="Hi"))
    patience_s = CHANCE.uniform(0, LONGEST_PATIENCE_S) if gives_up else None
    try:
        await asyncio.wait([asking], timeout=patience_s)
        asking.cancel()
        await asking
    except asyncio.CancelledError:
        if not asking.cancelled():
            raise
        return "given up"
    except Refusal as refusal:
        return refusal.reason
    finally:
        asking.cancel()
    return "answered"


async def rest(watched: list[Watched], provider_port: int, within_s: float) -> None:
    """Waits until nothing is open that was not before, `within_s` seconds at most, and notes what is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while connections_to(provider_port) or any(open_files(one.pid) > one.files for one in watched):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    for one in watched:
        one.files_left = max(0, open_files(one.pid) - one.files)


async def stops(program: Program) -> bool:
    """Tells a program to stop; returns whether it does, in good time and with 0."""
    with contextlib.suppress(TimeoutError):
        return await program.stop(within_s=STOP_WITHIN_S) == 0
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.soak", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("minutes", nargs="?", type=float, default=3.0)
    soaked = asyncio.run(soak(60 * parser.parse_args().minutes))
    print(soaked.table())
    for leak in soaked.leaks():
        print(f"LEAK  {leak}")
    return 1 if soaked.leaks() else 0


if __name__ == "__main__":
    sys.exit(main())
