"""Checks calls whose usage never arrives: their cost in the ledger is near the true cost, and marked as estimated."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from scripts.ledger_proof.book import Book, until_settled
from scripts.ledger_proof.callers import Ask, Reply, open_callers
from scripts.ledger_proof.findings import ENDED_HERE
from scripts.ledger_proof.provider import INPUT_NANO, OUTPUT_NANO, Bill, BillingProvider
from scripts.ledger_proof.world import FILE, everything
from tests.standins.script import Fault, FaultKind, Script
from tests.support.true_counts import TRUE_COUNTS

AT_ONCE = 16
UNTIL_SETTLED_S = 30.0
LIMIT_S = 30.0
LEAST, MOST = 0.75, 1.5
"""The bounds of an estimate, as multiples of the true cost."""
FORMAT_TOKENS = 8
"""What the chat format adds to one message (OpenAI's cookbook: 3 a message, 1 for its role, 3 before the answer)."""
LOSING = (FaultKind.CUT, FaultKind.RESET, FaultKind.NO_END, FaultKind.DONE_WITHOUT_FINISH)
GAP_S = 0.02
_KEY_TOKENS = 5


class SpeakingProvider(BillingProvider):
    """Answers with texts whose true token counts are known, and never sends usage."""

    def __init__(self, random: Random) -> None:
        """`random` decides the answers."""
        super().__init__(random, faulty=0)
        self._texts: dict[int, tuple[int, ...]] = {}
        """The token counts of each text of an answer, by the identity of its script."""

    def _new_script(self) -> Script:
        texts = self._random.choices(TRUE_COUNTS, k=self._random.randint(2, 6))
        kind = self._random.choice((None, *LOSING))
        # A reset loses what the caller has not read yet, so no cost is known for it.
        fault = None if kind is None else Fault(kind=kind, after=self._random.randint(1, len(texts)))
        script = Script(words=tuple(f"{text}\n" for _, _, text in texts), usage=None, gap_s=GAP_S, fault=fault)
        self._texts[id(script)] = tuple(tokens for _, tokens, _ in texts)
        return script

    def outputs(self, bill: Bill) -> int:
        """Returns the true token count of the texts that were written."""
        return sum(self._texts[id(bill.script)][: bill.received.words_sent])


async def estimate(folder: Path, *, calls: int, seed: int) -> tuple[list[str], Counter[str], list[float]]:
    """Makes calls over gRPC, HTTP, /v1 and MCP; returns errors, accuracies, and estimates divided by the truth."""
    random = Random(seed)  # noqa: S311 - not for secrets
    prompts: dict[str, int] = {}
    texts: dict[str, str] = {}
    async with SpeakingProvider(Random(seed + 1)) as provider:  # noqa: S311
        async with (
            everything(folder, provider, RETRY_ATTEMPTS="1") as at,
            open_callers(at, lambda key: f"{texts[key]} {key}") as ways,
        ):
            free = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for number in range(calls):
                    name = random.choice(sorted(ways))
                    _, tokens, text = random.choice(TRUE_COUNTS)
                    key = f"e-{number}"
                    texts[key], prompts[key] = text, tokens + _KEY_TOKENS + FORMAT_TOKENS
                    await free.acquire()
                    leaves_after_s = random.uniform(3, 6) * GAP_S if random.random() < 0.2 else None
                    task = group.create_task(_ask(ways[name], key, leaves_after_s))
                    task.add_done_callback(lambda _: free.release())
            await until_settled(folder / FILE, within_s=UNTIL_SETTLED_S)
        book = Book.read(folder / FILE)
    shares: list[float] = []
    wrong = list(_findings(book, provider, prompts, shares))
    return wrong, Counter(row.accuracy for row in book.all), shares


async def _ask(ask: Ask, key: str, leaves_after_s: float | None) -> Reply | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(leaves_after_s):
            return await ask(key, LIMIT_S)
    return None


def _findings(book: Book, provider: SpeakingProvider, prompts: dict[str, int], shares: list[float]) -> Iterator[str]:
    rows = {row.request_id: row for row in book.all}
    if len(rows) != len(book.all):
        yield f"{len(book.all)} rows for {len(rows)} requests"
    for key, bills in provider.bills.items():
        [bill] = bills
        row = rows.get(key)
        if row is None:
            yield f"{key}: the provider was called, but there is no row"
            continue
        # Texts that were in transit when a caller left are unknown: several on a busy machine.
        is_left = row.outcome in ENDED_HERE
        prompt_nano = prompts[key] * INPUT_NANO
        truth = prompt_nano + provider.outputs(bill) * OUTPUT_NANO
        if row.accuracy == "exact":
            yield f"{key} is marked exact, but no usage was sent"
        elif row.nano_usd is None:
            if bill.received.words_sent > 1 and not is_left:
                yield f"{key} is unknown, but the provider wrote {bill.received.words_sent} texts"
        else:
            shares += () if is_left else (row.nano_usd / truth,)
            if not LEAST * (prompt_nano if is_left else truth) <= row.nano_usd <= MOST * truth:
                yield f"{key} ({row.protocol} {row.outcome}) has cost {row.nano_usd}, but the true cost is {truth}"
