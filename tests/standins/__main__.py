"""python -m tests.standins: runs the OpenAI stand-in as a process until its standard input is closed."""

import asyncio
import sys

from tests.standins import OpenAIStandIn, Script

SCRIPT = Script(words=("word ",) * 20, gap_s=0.0025)


async def main() -> None:
    async with OpenAIStandIn(SCRIPT) as stand_in:
        sys.stdout.write(f"{stand_in.base_url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
