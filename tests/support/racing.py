"""A process that makes calls on one budget as fast as it can, and prints their outcomes.

python -m tests.support.racing URL CALLS AT_ONCE
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

from llm_relay.errors import BudgetExceeded, LedgerUnavailable
from server_b.ledger.open_ledger import open_ledger
from tests.support.money import call_end, new_call

BOUND, COST = 1_000, 400


async def race(url: str, calls: int, at_once: int) -> Counter[str]:
    """Makes `calls` calls: a third of them cost nothing in the end."""
    outcomes: Counter[str] = Counter()
    left = iter(range(calls))
    ledger = await open_ledger(url, folder=Path())

    async def work() -> None:
        for number in left:
            call = new_call(bound_nano_usd=BOUND)
            try:
                await ledger.reserve(call)
            except (BudgetExceeded, LedgerUnavailable) as error:
                outcomes[error.reason] += 1
                await asyncio.sleep(random.uniform(0, 0.01))
                continue
            await asyncio.sleep(random.uniform(0, 0.005))
            if number % 3:
                await ledger.settle(call_end(call, nano_usd=COST))
                outcomes["paid"] += 1
            else:
                await ledger.settle(call_end(call, nano_usd=None, may_have_worked=False))
                outcomes["released"] += 1

    await asyncio.gather(*(work() for _ in range(at_once)))
    await ledger.aclose(grace_s=30)
    return outcomes


if __name__ == "__main__":
    found = asyncio.run(race(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(found))
