"""Runs the real programs under load for minutes, and finds leaks.

python -m scripts.soak [MINUTES]: half of the callers leave before the end of their answer, and one in ten pipelines a
second request. Prints how much each program's memory grew. Exits with 1 if it grew by more than 0.5 MiB per 10,000
calls in the second half, or if a connection to the provider, a file or a call is left at the end. Linux only, because
it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from scripts.soak.soaking import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.soak", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("minutes", nargs="?", type=float, default=3.0)
    soaked = asyncio.run(soak(seconds=60 * parser.parse_args().minutes))
    print(soaked.table())
    for leak in soaked.leaks():
        print(f"LEAK  {leak}")
    return 1 if soaked.leaks() else 0


if __name__ == "__main__":
    sys.exit(main())
