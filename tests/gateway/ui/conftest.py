"""A relay with prices, and a real browser that opens its page."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from tests.support.programs import Program, running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
OPTIONS = ["--no-sandbox", "--disable-gpu"]
LIMIT_MS = 60_000
SETTINGS = {"PRICES": "mock/*=3000/15000", "MOCK_DELAY_SECONDS": "0", "MOCK_FAULTS": "true", "RETRY_ATTEMPTS": "1"}


@dataclass
class Relay:
    """Server B and a gateway."""

    server_b: Program
    gateway: Program

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://{self.gateway.address}/ui/"

    def client(self, token: str = "") -> RelayClient:
        """Makes a client of Server B."""
        return RelayClient(Dial(target=self.server_b.address, token=token))

    def accounts(self, token: str = "") -> AccountClient:
        """Makes a client of AccountService."""
        return AccountClient(Dial(target=self.server_b.address, token=token))


@contextlib.asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Relay]:
    """Runs both programs until the block ends."""
    given = {**SETTINGS, **settings}
    async with (
        running(folder, "server_b", GRPC_PORT="0", **given) as server_b,
        running(folder, "gateway", HTTP_PORT="0", SERVER_B_TARGET=server_b.address, **settings) as gateway,
    ):
        yield Relay(server_b, gateway)


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with serving(tmp_path) as served:
        yield served


@dataclass
class Browser:
    """A browser's page, and the errors that it reported."""

    page: Page
    faults: list[str] = field(default_factory=list)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser with an empty profile. The test fails if the browser reports an error."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = await chromium.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(LIMIT_MS)
        opened = Browser(page)
        page.on("pageerror", lambda error: opened.faults.append(str(error)))
        page.on("console", lambda line: opened.faults.append(line.text) if line.type == "error" else None)
        yield opened
        await chromium.close()
    assert opened.faults == []
