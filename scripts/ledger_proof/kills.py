"""Kills Server B at random moments of many calls, and checks that no call is missing, doubled or left open."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from random import Random

from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError
from llm_relay.messages import Prompt
from scripts.ledger_proof.book import Book, until_settled
from scripts.ledger_proof.callers import Reply
from scripts.ledger_proof.findings import findings
from scripts.ledger_proof.provider import MOST_TOKENS, BillingProvider
from scripts.ledger_proof.world import FILE, put_budget, server_b

AT_ONCE = 16
LONGEST_S = 0.4
TAKEN_OVER_S = 20.0
"""How long a takeover may take. A lease is 10 seconds; a server on the same machine takes over at its start."""
NO_LIMIT = 10**15


async def kill_and_look(folder: Path, *, cycles: int, seed: int) -> tuple[list[str], Book]:
    """Kills Server B `cycles` times during calls; returns the errors in the ledger at the end, and the ledger."""
    random = Random(seed)  # noqa: S311 - not for secrets
    replies: dict[str, list[Reply]] = defaultdict(list)
    async with BillingProvider(Random(seed + 1), faulty=0.1) as provider:  # noqa: S311
        for cycle in range(cycles):
            async with server_b(folder, provider, ANSWER_KEEP_SECONDS="0") as program:
                if cycle == 0:
                    await put_budget(program.address, limit_nano_usd=NO_LIMIT)
                await _call_until_killed(program.address, program.process, cycle, random.uniform(0, LONGEST_S), replies)
        async with server_b(folder, provider):
            await until_settled(folder / FILE, within_s=TAKEN_OVER_S)
        book = Book.read(folder / FILE)
        return list(findings(book, provider, replies)), book


async def _call_until_killed(
    target: str, process: asyncio.subprocess.Process, cycle: int, after_s: float, replies: dict[str, list[Reply]]
) -> None:
    async with RelayClient(Dial(target=target)) as client:
        callers = [
            asyncio.create_task(_calls(client, f"c{cycle}-{number}", process, replies)) for number in range(AT_ONCE)
        ]
        await asyncio.sleep(after_s)
        process.kill()
        await process.wait()
        await asyncio.gather(*callers)


async def _calls(
    client: RelayClient, name: str, process: asyncio.subprocess.Process, replies: dict[str, list[Reply]]
) -> None:
    number = 0
    while process.returncode is None:
        number += 1
        key = f"{name}-{number}"
        try:
            answer = await client.process(
                Prompt(message=f"call {key}", request_id=key, max_tokens=MOST_TOKENS), timeout_s=10
            )
        except RelayError as error:
            if error.reason == "SERVER_B_UNAVAILABLE":
                return
            replies[key].append(Reply(error.reason, error.spent.cost.nano_usd if error.spent else None))
        else:
            replies[key].append(Reply("", answer.finished.cost.nano_usd))
