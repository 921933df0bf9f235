"""/docs works without the internet, with tokens set, and under a strict Content-Security-Policy."""

import asyncio
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from gateway.application import create_app
from tests.support.gateways import gateway, gateway_settings

pytestmark = pytest.mark.anyio

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSER_LIMIT_S = 90


class Page(HTMLParser):
    """Records what a page loads, and which inline code a browser would have to run or apply."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._is_within = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name in ("src", "href") if (value := given.get(name))]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self._is_within = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._is_within:
            self._is_within = ""

    def handle_data(self, data: str) -> None:
        if self._is_within in ("script", "style") and data.strip():
            self.inline.append(data)


async def test_the_page_loads_everything_from_the_gateway_itself(alone: httpx2.AsyncClient) -> None:
    response = await alone.get("/docs")
    page = Page(response.text)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == POLICY
    assert "//" not in response.text
    assert not page.inline
    assert len(page.links) == 4
    for link in page.links:
        asset = await alone.get(f"/{link}")
        assert asset.status_code == 200, link
        assert asset.content, link


async def test_the_page_works_behind_a_path_that_a_proxy_adds(alone: httpx2.AsyncClient) -> None:
    assert not [link for link in Page((await alone.get("/docs")).text).links if link.startswith("/")]
    assert '"/' not in (await alone.get("/docs/start.js")).text


async def test_a_slash_at_the_end_of_the_path_leads_to_the_page(alone: httpx2.AsyncClient) -> None:
    response = await alone.get("/docs/")
    assert (response.status_code, response.headers["location"]) == (307, "../docs")
    assert (await alone.get("/docs/", follow_redirects=True)).text == (await alone.get("/docs")).text


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_browser_shows_the_routes_by_their_tags_though_tokens_are_set(tmp_path: Path) -> None:
    async with gateway(relay_tokens="alice:alices-token") as client:
        shown, told = await shown_by_browser(f"{client.base_url}/docs#/Calls/process", tmp_path)
    document = create_app(gateway_settings()).openapi()
    assert set(re.findall(r'data-path="([^"]*)"', shown)) == set(document["paths"])
    assert set(re.findall(r'data-tag="([^"]*)"', shown)) == {tag["name"] for tag in document["tags"]}
    assert "When does the sun rise in Oslo in June?" in shown
    assert not re.findall(r"CONSOLE.*|Content Security Policy", told)


async def shown_by_browser(url: str, folder: Path) -> tuple[str, str]:
    """Returns the page as a browser finally has it, and what the browser wrote to stderr."""
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder}"]
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *options, "--virtual-time-budget=20000", "--dump-dom", url, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(BROWSER_LIMIT_S):
        shown, told = await process.communicate()
    return shown.decode(), told.decode(errors="replace")
