"""Works the real programs for minutes, and looks for what is left.

python -m scripts.soak [MINUTES]: half of the callers leave before their answer is whole, and one in ten has a second
request behind its first. Prints what each program's memory grew by. Exits with 1 if it grew by more than 0.5 MiB for
10,000 calls in the second half, or if a provider's connection, a file or a call is left at the end. Linux only: it
reads /proc.
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
