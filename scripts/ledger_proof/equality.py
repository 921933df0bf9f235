"""Compares the ledger with the provider's log: many calls over every interface, with many kinds of failures."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from scripts.ledger_proof.book import Book, until_settled
from scripts.ledger_proof.callers import Ask, Reply, open_callers
from scripts.ledger_proof.findings import findings
from scripts.ledger_proof.provider import BillingProvider
from scripts.ledger_proof.world import FILE, everything, put_budget
from tests.support.doors import Addresses

AT_ONCE = 24
FAULTY = 0.3
LONG_S = 30.0
UNTIL_SETTLED_S = 30.0
NO_LIMIT = 10**15
LEFT = "left"
"""The reason of a caller who left, and so got no reply."""


@dataclass(slots=True)
class Outcome:
    """The result of a proof."""

    seed: int
    calls: int
    findings: list[str]
    rows: int
    exact: int
    ends: Counter[str] = field(default_factory=Counter)
    """How many callers got which reason."""

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {reason or 'answered'}" for reason, count in self.ends.most_common())
        wrong = len(self.findings) or "no"
        return f"seed {self.seed}: {self.calls} calls, {self.rows} rows, {self.exact} exact; {ends}; {wrong} errors"


async def prove(folder: Path, *, calls: int, seed: int) -> Outcome:
    """Makes `calls` calls, and compares the ledger with the provider's log and with what callers got."""
    random = Random(seed)  # noqa: S311 - not for secrets
    replies: dict[str, list[Reply]] = defaultdict(list)
    async with BillingProvider(Random(seed + 1), faulty=FAULTY) as provider:  # noqa: S311
        async with everything(folder, provider, RETRY_ATTEMPTS="2") as at:
            await put_budget(at.server_b, limit_nano_usd=NO_LIMIT)
            await _make_calls(at, random, calls, replies)
            await until_settled(folder / FILE, within_s=UNTIL_SETTLED_S)
        book = Book.read(folder / FILE)
        wrong = list(findings(book, provider, replies))
    exact = sum(row.accuracy == "exact" for row in book.all)
    ends = Counter(one.reason for every in replies.values() for one in every)
    return Outcome(seed, calls, wrong, len(book.all), exact, ends)


async def _make_calls(at: Addresses, random: Random, calls: int, replies: dict[str, list[Reply]]) -> None:
    free = asyncio.Semaphore(AT_ONCE)
    async with open_callers(at) as ways, asyncio.TaskGroup() as group:
        for number in range(calls):
            name = random.choice(sorted(ways))
            key = f"{name.replace(' ', '-')}-{number}"
            await free.acquire()
            task = group.create_task(_call(ways[name], key, replies[key], Random(random.random())))  # noqa: S311
            task.add_done_callback(lambda _: free.release())


async def _call(ask: Ask, key: str, replies: list[Reply], random: Random) -> None:
    """Sends a request once, twice at once, or twice in a row. Sometimes leaves early or has a short deadline."""
    deadline_s = random.uniform(0.005, 0.12) if random.random() < 0.1 else LONG_S
    leaves_after_s = random.uniform(0, 0.1) if random.random() < 0.2 else None
    match random.random():
        case chance if chance < 0.08:
            await asyncio.gather(*(_ask(ask, key, replies, deadline_s, leaves_after_s) for _ in range(2)))
        case chance if chance < 0.14:
            await _ask(ask, key, replies, deadline_s, leaves_after_s)
            await _ask(ask, key, replies, LONG_S, None)
        case _:
            await _ask(ask, key, replies, deadline_s, leaves_after_s)


async def _ask(ask: Ask, key: str, replies: list[Reply], deadline_s: float, leaves_after_s: float | None) -> None:
    try:
        async with asyncio.timeout(leaves_after_s):
            replies.append(await ask(key, deadline_s))
    except TimeoutError:
        replies.append(Reply(LEFT))
