"""NO_PROXY in the forms that people write: requests to a provider that it names bypass the proxy."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.field.calls import WAYS
from tests.field.conftest import OPENAI
from tests.field.field import Field, open_field
from tests.field.provider import RawProvider
from tests.field.wire import DONE, GOOD, finish, stream, text

pytestmark = pytest.mark.anyio

DIRECTLY, BY_PROXY = "Hello", "by proxy"
HERE = "0.0.0.0"
NAMED = "api.corp.invalid"
"""A host that does not exist: it cannot be reached directly."""


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextlib.asynccontextmanager
async def field_behind_proxy(host: str, entries: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Field]:
    """Opens a stack with a proxy and a provider at `host`; `entries` are NO_PROXY."""
    async with RawProvider().listening() as provider, RawProvider().listening() as proxy:
        provider.scripts["m"], proxy.scripts["m"] = (stream(GOOD),), (stream(text(BY_PROXY), finish(), DONE),)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", entries.format(port=provider.port))
        async with open_field(**{**OPENAI, "openai_base_url": f"http://{host}:{provider.port}/v1"}) as field:
            yield field


async def call_in_every_way(field: Field) -> set[object]:
    """Calls in every way; returns the texts, or the reasons of failures."""
    calls = [await field.call(way, {"message": "Hi", "model": "m"}) for way in WAYS]
    return {call.facts["text"] or call.facts["reason"] for call in calls}


@pytest.mark.parametrize(
    "entries", ["0.0.0.0/8", "10.0.0.0/8, 0.0.0.0/30", "0.0.*", "0.0.0.0:{port}", "example.com,0.0.0.0", "*"]
)
async def test_a_provider_in_no_proxy_is_called_directly(entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with field_behind_proxy(HERE, entries, monkeypatch) as field:
        assert await call_in_every_way(field) == {DIRECTLY}


@pytest.mark.parametrize("entries", ["", "10.0.0.0/8", "192.168.*", "0.0.0.0:1", "*.corp.invalid"])
async def test_another_provider_is_called_through_the_proxy(entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with field_behind_proxy(HERE, entries, monkeypatch) as field:
        assert await call_in_every_way(field) == {BY_PROXY}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("*.corp.invalid", "PROVIDER_UNAVAILABLE"),
        (".corp.invalid", "PROVIDER_UNAVAILABLE"),
        ("corp.invalid", "PROVIDER_UNAVAILABLE"),
        ("API.CORP.INVALID:{port}", "PROVIDER_UNAVAILABLE"),
        ("pi.corp.invalid", BY_PROXY),
    ],
)
async def test_names_are_matched_with_their_subdomains(
    entries: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with field_behind_proxy(NAMED, entries, monkeypatch) as field:
        assert await call_in_every_way(field) == {expected}
