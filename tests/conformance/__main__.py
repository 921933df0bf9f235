"""python -m tests.conformance NODE: runs the suite for every revision; exits with 1 if a check fails."""

import asyncio
import logging
import re
import sys
import tempfile
import warnings
from pathlib import Path

from tests.conformance.server import serving_fixtures

SUITE = Path(__file__).parent / "node/node_modules/@modelcontextprotocol/conformance/dist/index.js"
REVISIONS = ("2025-06-18", "2025-11-25", "2026-07-28")
_TOTAL = re.compile(r"Total: (\d+) passed, (\d+) failed")


async def main(node: str) -> int:
    logging.basicConfig(level=logging.CRITICAL)  # the suite sends many requests that are logged as wrong
    warnings.simplefilter("ignore")  # earlier revisions use what the SDK deprecates
    failed = False
    async with serving_fixtures() as url:
        for revision in REVISIONS:
            printed = await run_suite(node, url, revision)
            total = _TOTAL.search(printed)
            if total is None or int(total[2]):
                sys.stdout.write(printed)
                failed = True
            sys.stdout.write(f"{revision}  {total[0] if total else 'the suite did not end'}\n")
            sys.stdout.flush()
    return int(failed)


async def run_suite(node: str, url: str, revision: str) -> str:
    """Runs all scenarios of a revision; returns what the suite printed."""
    arguments = ("server", "--url", url, "--suite", "all", "--spec-version", revision)
    with tempfile.TemporaryDirectory() as folder:
        suite = await asyncio.create_subprocess_exec(
            *(node, str(SUITE), *arguments),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await suite.communicate()
    return printed.decode()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))
