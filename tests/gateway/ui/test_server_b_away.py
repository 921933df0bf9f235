"""The page while Server B cannot be reached: it says why, and continues by itself once it can."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.gateway.ui.conftest import NEEDS_CHROMIUM, SETTINGS, Browser, Relay, serving
from tests.support.programs import running

pytestmark = [pytest.mark.anyio, pytest.mark.chromium, NEEDS_CHROMIUM]


@pytest.mark.parametrize("name", ["", "playground", "operate"])
async def test_a_page_that_is_opened_meanwhile_says_why_and_fills_in_later(
    name: str, relay: Relay, browser: Browser
) -> None:
    page = browser.page
    relay.server_b.process.send_signal(signal.SIGSTOP)
    await page.goto(f"{relay.url}{name}")
    fault = page.locator("[role=alert]").first
    await expect(fault).to_have_text(re.compile(r"^Server B at .* cannot be reached.*Trying again …$"))
    relay.server_b.process.send_signal(signal.SIGCONT)
    await expect(page.locator("#who")).to_have_text("anonymous (admin)")
    await expect(fault).to_have_text("")
    browser.faults.clear()  # the browser reports each status of 503


async def test_the_overview_is_live_again_after_server_b_was_started_again(tmp_path: Path, browser: Browser) -> None:
    page = browser.page
    async with serving(tmp_path) as relay:
        await page.goto(relay.url)
        await expect(page.locator("#live")).to_have_text("live")
        await relay.server_b.stop()
        await expect(page.locator("#fault")).to_contain_text("Trying again …")
        async with running(tmp_path, "server_b", GRPC_PORT=relay.server_b.address.rpartition(":")[2], **SETTINGS):
            await expect(page.locator("#live")).to_have_text("live")
            await expect(page.locator("#fault")).to_be_hidden()
            await page.goto("about:blank")  # before the gateway stops
    browser.faults.clear()
