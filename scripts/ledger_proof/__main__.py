"""Proves with the real programs that the ledger is right, and prints the results.

python -m scripts.ledger_proof equality [--calls N] [--seeds 1,2,3]: the ledger equals the provider's log and the costs
that callers got, to the nano-dollar if the usage arrived: over gRPC, HTTP, /v1 and MCP, with retries, duplicates,
callers who leave, deadlines and faults of the provider.
python -m scripts.ledger_proof estimates [--calls N] [--seed N]: calls whose usage never arrives are marked as
estimated, and their cost is 0.75 to 1.5 times the true one: in many languages, cut off, left by their callers, or
without usage.
python -m scripts.ledger_proof kills [--cycles N] [--seed N]: Server B is killed (SIGKILL) many times during calls.
Exits with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from scripts.ledger_proof.equality import prove
from scripts.ledger_proof.estimates import estimate
from scripts.ledger_proof.kills import kill_and_look

MOST_LINES = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.ledger_proof", description=(__doc__ or "").split("\n")[0])
    proofs = parser.add_subparsers(dest="proof", required=True)
    equality = proofs.add_parser("equality")
    equality.add_argument("--calls", type=int, default=2000)
    equality.add_argument("--seeds", default="1,2,3")
    estimates = proofs.add_parser("estimates")
    estimates.add_argument("--calls", type=int, default=500)
    estimates.add_argument("--seed", type=int, default=1)
    kills = proofs.add_parser("kills")
    kills.add_argument("--cycles", type=int, default=200)
    kills.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.proof == "kills":
        return _kills(arguments.cycles, arguments.seed)
    if arguments.proof == "estimates":
        return _estimates(arguments.calls, arguments.seed)
    wrong = [line for seed in arguments.seeds.split(",") for line in _equality(arguments.calls, int(seed))]
    return min(len(wrong), 1)


def _equality(calls: int, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(prove(Path(folder), calls=calls, seed=seed))
    print(outcome, flush=True)
    _print(outcome.findings)
    return outcome.findings


def _estimates(calls: int, seed: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        wrong, accuracies, shares = asyncio.run(estimate(Path(folder), calls=calls, seed=seed))
    marks = ", ".join(f"{count} {accuracy}" for accuracy, count in accuracies.most_common())
    near = f"{min(shares):.2f} to {max(shares):.2f} times the truth, in all {sum(shares) / len(shares):.2f}"
    print(f"seed {seed}: {calls} calls without usage ({marks}): {near}; {len(wrong) or 'no'} errors")
    _print(wrong)
    return min(len(wrong), 1)


def _kills(cycles: int, seed: int) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        wrong, book = asyncio.run(kill_and_look(Path(folder), cycles=cycles, seed=seed))
    states = ", ".join(f"{count} {state}" for state, count in Counter(row.state for row in book.all).most_common())
    seconds = time.monotonic() - began
    print(f"{cycles} kills in {seconds:.0f} s: {len(book.all)} calls ({states}); {len(wrong) or 'no'} errors")
    _print(wrong)
    return min(len(wrong), 1)


def _print(wrong: list[str]) -> None:
    for line in wrong[:MOST_LINES]:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
