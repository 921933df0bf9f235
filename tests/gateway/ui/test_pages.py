"""The page in a real browser: spending, live calls, a playground, and the admin settings."""

from __future__ import annotations

import asyncio
import csv
import re
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Route, expect

from llm_relay.errors import BudgetExceeded, Unauthenticated
from llm_relay.messages import Prompt
from llm_relay.messages.accounts import Budget, CallerAccount, Period, Price, RateLimits
from tests.gateway.ui.conftest import LIMIT_MS, NEEDS_CHROMIUM, Browser, Relay, serving

pytestmark = [pytest.mark.anyio, pytest.mark.chromium, NEEDS_CHROMIUM]

expect.set_options(timeout=LIMIT_MS)
SLOW = {"MOCK_WORD_DELAY_SECONDS": "60"}


async def test_the_first_page_shows_spending_and_the_calls_as_they_arrive(relay: Relay, browser: Browser) -> None:
    page = browser.page
    async with relay.client() as client, relay.accounts() as accounts:
        await client.process(Prompt(message="Hello"))
        await accounts.put_budget(Budget(caller="anonymous", period=Period.MONTH, limit_nano_usd=100 * 10**9))
        await page.goto(relay.url)
        await expect(page.locator("#spent")).to_have_text("$0.243")
        await expect(page.locator("#forecast")).to_contain_text("of $100.00 in budgets")
        await expect(page.locator("#budgets")).to_contain_text("left $99.76")
        await expect(page.locator("#calls tbody tr")).to_have_count(1)
        await expect(page.locator("#legend")).to_contain_text("mock-model $0.243")
        await expect(page.locator("#live")).to_have_text("live")
        await client.process(Prompt(message="Hello", request_id="twice"))
        await expect(page.locator("#calls tbody tr")).to_have_count(2)
        await expect(page.locator("#spent")).to_have_text("$0.486")


async def test_a_call_shows_while_it_runs_and_an_abandoned_one_counts_as_saved(
    tmp_path: Path, browser: Browser
) -> None:
    page = browser.page
    async with serving(tmp_path, **SLOW) as relay, relay.client() as client:
        await page.goto(relay.url)
        events = client.stream_process(Prompt(message="Hello"))
        await anext(events)
        await expect(page.locator("#running")).to_have_text("1")
        await expect(page.locator("#calls tbody tr.open")).to_have_count(1)
        await events.aclose()
        await expect(page.locator("#running")).to_have_text("0")
        await expect(page.locator("#saved-left")).to_have_text("1")
        await page.goto("about:blank")  # before the gateway stops


async def test_a_call_that_began_before_the_page_opened_is_shown(tmp_path: Path, browser: Browser) -> None:
    page, asked, began = browser.page, asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await began.wait()
        await route.continue_()

    await page.route("**/ui/api/activity", hold)
    async with serving(tmp_path, **SLOW) as relay, relay.client() as client:
        await page.goto(relay.url)
        await asked.wait()  # the list of calls is there, and empty
        events = client.stream_process(Prompt(message="Hello"))
        await anext(events)
        began.set()
        await expect(page.locator("#calls tbody tr.open")).to_have_count(1)
        await events.aclose()
        await page.goto("about:blank")


async def test_filters_choose_the_calls_that_the_page_and_the_csv_contain(
    relay: Relay, browser: Browser, tmp_path: Path
) -> None:
    page = browser.page
    async with relay.client() as client:
        await client.process(Prompt(message="one"))
        await page.goto(relay.url)
        await page.fill("[name=model]", "another")
        await page.click("#filters button")
        await expect(page.locator("#calls tbody tr")).to_have_count(0)
        await page.fill("[name=model]", "mock-model")
        await page.click("#filters button")
        await expect(page.locator("#calls tbody tr")).to_have_count(1)
        async with page.expect_download() as download:
            await page.click("#csv")
        file = tmp_path / "calls.csv"
        await (await download.value).save_as(file)
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["model"], row["nano_usd"]) == ("mock-model", "243000000")


async def test_the_playground_streams_an_answer_and_shows_its_cost(relay: Relay, browser: Browser) -> None:
    page = browser.page
    await page.goto(f"{relay.url}playground")
    await page.fill("[name=message]", "Hello <b>there</b>")
    await page.click("button[type=submit]")
    await expect(page.locator("#answer")).to_contain_text("You said: 'Hello <b>there</b>'.")
    cost = re.compile(r"stop: mock-model, \d+ tokens in, \d+ out, \$0\.\d+")
    await expect(page.locator("#cost")).to_contain_text(cost)
    words = {"curl": "curl -sN", "Python": "urllib", "Node": "await fetch", "grpcurl": "StreamProcess"}
    for language, word in words.items():
        await page.select_option("#language", language)
        await expect(page.locator("#code")).to_contain_text(word)


async def test_the_keyboard_sends_a_prompt_and_copies_the_request(relay: Relay, browser: Browser) -> None:
    page = browser.page
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{relay.url}playground")
    await page.fill("[name=message]", "Hello")
    await page.press("[name=message]", "Control+Enter")
    await expect(page.locator("#answer")).to_contain_text("You said: 'Hello'")
    await page.press("#copy", "Enter")
    await expect(page.locator("#copy")).to_have_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == await page.locator("#code").text_content()


async def test_where_a_browser_allows_no_copying_the_request_is_selected(relay: Relay, browser: Browser) -> None:
    page = browser.page
    await page.add_init_script("delete Navigator.prototype.clipboard")  # as over plain HTTP from another machine
    await page.goto(f"{relay.url}playground")
    await page.click("#copy")
    await expect(page.locator("#copy")).to_have_text("Selected: press Ctrl+C")
    assert await page.evaluate("getSelection().toString()") == await page.locator("#code").inner_text()


async def test_stop_ends_the_providers_call_and_shows_its_cost(tmp_path: Path, browser: Browser) -> None:
    page = browser.page
    async with serving(tmp_path, **SLOW) as relay:
        await page.goto(f"{relay.url}playground")
        await page.fill("[name=message]", "Hello")
        await page.click("button[type=submit]")
        await expect(page.locator("#answer")).to_contain_text("[MOCK")
        await page.click("#stop")
        await expect(page.locator("#cost")).to_contain_text(re.compile(r"Stopped: mock-model, .*\$0\.\d+"))
        (outcome,) = await relay.server_b.told(r"relay\.calls call .*outcome=(\S+)")
    assert outcome == "CANCELLED"


async def test_an_exhausted_budget_refuses_with_a_message(relay: Relay, browser: Browser) -> None:
    page = browser.page
    await page.goto(f"{relay.url}operate")
    await page.fill("#budget-form [name=caller]", "anonymous")
    await page.fill("#budget-form [name=limit_usd]", "0.01")
    await page.click("#budget-form button")
    await expect(page.locator("#budgets")).to_contain_text("of $0.01")
    async with relay.client() as client:
        with pytest.raises(BudgetExceeded):
            await client.process(Prompt(message="Hello"))
    await page.goto(f"{relay.url}playground")
    await page.fill("[name=message]", "Hello")
    await page.click("button[type=submit]")
    await expect(page.locator("#prompt [role=alert]")).to_contain_text("BUDGET_EXCEEDED")
    assert any("402" in fault for fault in browser.faults)
    browser.faults.clear()  # the browser's own line about the status


async def test_an_admin_creates_callers_and_tokens_and_signs_in_and_out(relay: Relay, browser: Browser) -> None:
    page = browser.page
    await page.goto(f"{relay.url}operate")
    await page.fill("#caller-form [name=name]", "root")
    await page.check("#caller-form [name=is_admin]")
    await page.click("#caller-form button[type=submit]")
    await expect(page.locator("#callers tbody")).to_contain_text("root")
    await page.fill("#token-form [name=caller]", "root")
    await page.click("#token-form button[type=submit]")
    await expect(page.locator("#secret")).to_contain_text("rly_")
    secret = await page.inner_text("#secret")
    async with relay.client() as stranger, relay.client(secret) as root:
        assert (await root.process(Prompt(message="Hello"))).text
        with pytest.raises(Unauthenticated):
            await stranger.process(Prompt(message="Hello"))
    await page.goto(relay.url)
    await page.wait_for_url("**/ui/sign-in**")
    await page.fill("[name=token]", "rly_wrong")
    await page.click("button[type=submit]")
    await expect(page.locator("[role=alert]")).to_have_text("This token is not valid.")
    await page.fill("[name=token]", secret)
    await page.click("button[type=submit]")
    await expect(page.locator("#who")).to_have_text("root (admin)")
    (cookie,) = await page.context.cookies()
    assert (cookie["name"], cookie["path"]) == ("relay_session", "/ui")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert secret not in cookie["value"]
    await page.click("#sign-out")
    await page.wait_for_url("**/ui/sign-in**")
    await page.context.add_cookies([cookie])  # type: ignore[list-item]  # as it came
    await page.goto(relay.url)
    await page.wait_for_url("**/ui/sign-in**")
    assert all("401" in fault for fault in browser.faults)
    browser.faults.clear()


async def test_a_caller_typed_by_hand_after_a_save_is_sent_whole(relay: Relay, browser: Browser) -> None:
    page = browser.page
    async with relay.accounts() as accounts:
        await accounts.put_caller(CallerAccount(name="alice", rates=RateLimits(calls_per_minute=5)))
    await page.goto(f"{relay.url}operate")
    row, at_once = page.locator("#callers tbody tr"), page.locator("#caller-form [name=concurrent_calls]")
    await row.locator("button").click()
    await page.fill("#caller-form [name=calls_per_minute]", "60")
    await page.click("#caller-form button[type=submit]")
    await expect(row).to_contain_text("60")
    await expect(page.locator("#caller-form [name=name]")).to_have_value("")
    await page.fill("#caller-form [name=name]", "alice")
    await page.fill("#caller-form [name=calls_per_minute]", "5")
    await at_once.fill("7")
    await page.click("#caller-form button[type=submit]")
    await expect(row).to_contain_text("7")
    async with relay.accounts() as accounts:
        (alice,) = await accounts.callers()
    assert alice.rates == RateLimits(calls_per_minute=5, concurrent_calls=7)


async def test_models_that_no_call_matches_are_saved_with_a_warning(relay: Relay, browser: Browser) -> None:
    page, warning = browser.page, browser.page.locator("#caller-form [role=status]")
    await page.goto(f"{relay.url}operate")
    for models, shown in (
        ("mokc/*", re.compile("^Saved. mokc/.*: this server calls no provider 'mokc'")),
        ("mock/*", ""),
    ):
        await page.fill("#caller-form [name=name]", "alice")
        await page.fill("#caller-form [name=models]", models)
        await page.click("#caller-form button[type=submit]")
        await expect(page.locator("#callers tbody tr")).to_contain_text(models)
        await expect(warning).to_have_text(shown)


async def test_a_price_that_no_call_uses_is_saved_with_a_warning(relay: Relay, browser: Browser) -> None:
    page, warning = browser.page, browser.page.locator("#price-form [role=status]")
    await page.goto(f"{relay.url}operate")
    await page.fill("#price-form [name=input_usd]", "1")
    await page.fill("#price-form [name=output_usd]", "1")
    await page.fill("#price-form [name=pattern]", "mokc/*")
    await page.click("#price-form button[type=submit]")
    await expect(warning).to_have_text(re.compile("^Saved. mokc/.*: this server calls no provider 'mokc'"))
    await expect(page.locator("#prices")).to_contain_text("mokc/*")
    await page.fill("#price-form [name=input_usd]", "1")
    await page.fill("#price-form [name=output_usd]", "1")
    await page.fill("#price-form [name=pattern]", "mock/*")
    await page.click("#price-form button[type=submit]")
    await expect(page.locator("#prices")).to_contain_text("mock/*")
    await expect(warning).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "playground", "operate", "sign-in"])
async def test_every_page_is_accessible_and_fits_a_narrow_screen(
    relay: Relay, browser: Browser, name: str, scheme: str
) -> None:
    page = browser.page
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    async with relay.client() as client, relay.accounts() as accounts:
        await client.process(Prompt(message="Hello"))
        await accounts.put_budget(Budget(caller="anonymous", period=Period.MONTH, limit_nano_usd=100 * 10**9))
    await page.goto(f"{relay.url}{name}", wait_until="load")
    if name != "sign-in":
        await expect(page.locator("#who")).to_have_text("anonymous (admin)")
    if not name:
        await expect(page.locator("#calls tbody tr")).to_have_count(1)
    found = (await Axe().run(page)).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    await page.set_viewport_size({"width": 400, "height": 800})
    # The chart is redrawn a moment after the window has changed.
    await page.wait_for_function("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


async def test_markup_in_names_is_shown_as_text(relay: Relay, browser: Browser) -> None:
    page, markup = browser.page, "<img/src=x/onerror=alert(1)>"
    async with relay.accounts() as accounts:
        await accounts.put_budget(Budget(tag=f"project={markup}", period=Period.DAY, limit_nano_usd=10**9))
        await accounts.put_price(Price(pattern=f"mock/{markup}", input=1, output=1))
    await page.goto(relay.url)
    await expect(page.locator("#budgets")).to_contain_text(markup)
    await page.goto(f"{relay.url}operate")
    for place in ("#budgets", "#prices", "#audit"):
        await expect(page.locator(place)).to_contain_text(markup)
    assert await page.locator("img").count() == 0
