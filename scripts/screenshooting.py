"""Takes screenshots of the page for docs/images: python -m scripts.screenshooting [FOLDER].

The calls go to the mock, with made-up callers and prices.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from llm_relay import AccountClient, Dial, Prompt, RelayClient
from llm_relay.messages.accounts import Budget, Period

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
CALLERS = {"ann": 14, "build": 22, "claude-desktop": 9, "research": 17}
BUDGETS_USD = {"ann": 40, "build": 100, "research": 60}
SERVES = re.compile(r"The relay serves: gRPC on (\S+), HTTP on (\S+),")
SETTINGS = {
    **dict.fromkeys(("GRPC_PORT", "HTTP_PORT", "MCP_PORT_A", "METRICS_PORT"), "0"),
    "AI_MAX_TOKENS": "100",
    "MOCK_DELAY_SECONDS": "0.02",
    "MOCK_WORD_DELAY_SECONDS": "0.02",
    "PRICES": "mock/*=3000/15000",
    "RELAY_TOKENS": ",".join(f"{name}:{name}-secret" for name in (*CALLERS, "admin")),
    "RELAY_ADMINS": "admin,gateway/admin",
}


async def main() -> None:
    """Writes overview.png, playground.png and operate.png."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "llm_relay.cli", "serve"),
            cwd=place,
            env={**environment, "PYTHONPATH": str(IMAGES.parent.parent), **SETTINGS},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            target, url = await _addresses(process)
            await _call(target)
            await _take(f"{url}/ui/", folder)
        finally:
            process.terminate()
            await process.communicate()


async def _addresses(process: asyncio.subprocess.Process) -> tuple[str, str]:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := SERVES.search(line.decode()):
            return found[1], found[2]
    raise SystemExit("the relay ended before it served")


async def _call(target: str) -> None:
    chance = random.Random(7)  # noqa: S311 - not for secrets
    async with AccountClient(Dial(target=target, token="admin-secret")) as accounts:  # noqa: S106 - of this relay alone
        for name, usd in BUDGETS_USD.items():
            await accounts.put_budget(Budget(caller=name, period=Period.MONTH, limit_nano_usd=usd * 10**9))
    for name, calls in CALLERS.items():
        async with RelayClient(Dial(target=target, token=f"{name}-secret")) as client:
            for _ in range(calls):
                await client.process(Prompt(message="word " * chance.randint(10, 60)))
            events = client.stream_process(Prompt(message="left " * 40))
            await anext(events)
            await events.aclose()


async def _take(url: str, folder: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1180, "height": 1000})
        await page.goto(f"{url}sign-in")
        await page.fill("[name=token]", "admin-secret")
        await page.click("button[type=submit]")
        await page.locator("#calls tbody tr").first.wait_for()
        await page.select_option("#stack", "caller")
        await page.locator("#legend").get_by_text("build").wait_for()
        await page.screenshot(path=folder / "overview.png")
        await _play(page, url)
        await page.screenshot(path=folder / "playground.png")
        await page.goto(f"{url}operate")
        await page.locator("#budgets .budget").first.wait_for()
        await page.screenshot(path=folder / "operate.png")
        await browser.close()


async def _play(page: Page, url: str) -> None:
    await page.goto(f"{url}playground")
    await page.fill("[name=message]", "When does the sun rise in Oslo in June?")
    await page.click("button[type=submit]")
    await page.locator("#cost").get_by_text("tokens in").wait_for()


if __name__ == "__main__":
    asyncio.run(main())
