"""Behaviour of the OpenAI provider alone, over real sockets; the contract suite tests what all providers share."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from llm_relay import errors, messages
from llm_relay.messages import FinishReason
from server_b.providers.base import Ending, Opening, Text
from server_b.providers.openai.client import VENDOR_URL, OpenAIClient
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.answer import Answer, Piece
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script, Usage
from tests.support.openai_provider import KEY, PROMPT, create_provider, ended, said, serving
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
async def provider(standin: OpenAIStandIn) -> AsyncIterator[OpenAIProvider]:
    async with serving(standin) as provider:
        yield provider


# Answers.


async def test_tokens_that_arrive_together_are_one_text_with_their_number(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    standin.script = Script(per_write=100)
    expected = [Opening("gpt-4o"), Text("Hello, wörld!", 4), ended()]
    assert await said(provider) == expected


async def test_a_hundred_thousand_tokens_arrive_whole_and_in_few_texts(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    standin.script = Script(words=("wörd ",) * 100_000, per_write=1000)
    opening, *texts, ending = await said(provider)
    words = [piece for piece in texts if isinstance(piece, Text)]
    assert isinstance(opening, Opening)
    assert isinstance(ending, Ending)
    assert "".join(text.text for text in words) == standin.script.text
    assert sum(text.count for text in words) == 100_000
    assert len(words) < 50_000


async def test_a_token_of_a_megabyte_arrives_whole(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    word = "ö" * 2**20
    standin.script = Script(words=(word,))
    assert Text(word) in await said(provider)


@pytest.mark.parametrize("kind", [FaultKind.SPLIT_UTF8, FaultKind.FINISH_WITHOUT_DONE])
async def test_a_stream_that_is_only_unusual_is_understood(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind
) -> None:
    standin.script = Script(fault=Fault(kind=kind))
    pieces = await said(provider)
    assert "".join(piece.text for piece in pieces if isinstance(piece, Text)) == "Hello, wörld!"
    assert pieces[-1] == ended()


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tool_calls", FinishReason.TOOL_CALLS),
        ("word-of-tomorrow", FinishReason.OTHER),
    ],
)
async def test_the_finish_reason_is_the_providers(
    standin: OpenAIStandIn, provider: OpenAIProvider, finish: str, reason: FinishReason
) -> None:
    standin.script = Script(finish=finish, model="gpt-4o-2024-08-06")
    whole = await whole_answer(provider, PROMPT)
    assert (whole.finish_reason, whole.model) == (reason, "gpt-4o-2024-08-06")
    assert (await said(provider))[-1] == ended(reason)


async def test_usage_keeps_cached_tokens_within_the_input_and_reasoning_within_the_output(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    counts = {"input_tokens": 20, "output_tokens": 7, "cache_read_tokens": 5, "cache_write_tokens": 3}
    standin.script = Script(usage=Usage(**counts, reasoning_tokens=2))
    expected = messages.Usage(**counts, reasoning_tokens=2, accuracy=messages.Accuracy.EXACT)
    assert (await whole_answer(provider, PROMPT)).usage == expected
    assert (await said(provider))[-1] == ended(usage=expected)


async def test_a_server_that_counts_nothing_gives_no_usage(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.script = Script(usage=None)
    assert (await whole_answer(provider, PROMPT)).usage is None
    assert (await said(provider))[-1] == ended(usage=None)


# Connections.


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_HEADERS, FaultKind.HANG_DURING])
@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_closes_the_connection_at_any_moment(
    standin: OpenAIStandIn, provider: OpenAIProvider, kind: FaultKind, streamed: bool
) -> None:
    standin.script = Script(fault=Fault(kind=kind, after=1))
    task = asyncio.ensure_future(said(provider) if streamed else whole_answer(provider, PROMPT))
    request = await standin.next_request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await request.ended() is Outcome.DISCONNECTED


class SlowToEndStandIn(OpenAIStandIn):
    """Sends something more after [DONE], a moment later."""

    def answer(self, received: Received) -> Answer:
        answer = super().answer(received)
        return replace(answer, script=Script(gap_s=0.001), pieces=(*answer.pieces, Piece(b": goodbye\n\n")))


class NeverEndingStandIn(OpenAIStandIn):
    """Leaves the HTTP body open after [DONE]."""

    def answer(self, received: Received) -> Answer:
        return replace(super().answer(received), script=Script(fault=Fault(kind=FaultKind.HANG_DURING)))


@pytest.mark.parametrize(
    ("kind", "outcome"), [(SlowToEndStandIn, Outcome.DONE), (NeverEndingStandIn, Outcome.DISCONNECTED)]
)
async def test_after_the_end_mark_the_end_of_the_body_is_awaited_briefly(
    kind: type[OpenAIStandIn], outcome: Outcome
) -> None:
    async with serving(standin := kind()) as provider:
        assert (await said(provider))[-1] == ended()
        assert await standin.requests[0].ended() is outcome


async def test_more_calls_run_at_once_than_http_clients_allow_by_default(
    standin: OpenAIStandIn, provider: OpenAIProvider
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.HANG))
    tasks = []
    for _ in range(3):  # in groups smaller than a socket's backlog
        tasks += [asyncio.create_task(whole_answer(provider, PROMPT)) for _ in range(50)]
        for _ in range(50):
            await standin.next_request()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await standin.all_closed()


# Settings.


async def test_the_environment_adds_nothing_to_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/other")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-other")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: other\nAuthorization: Bearer sk-other")
    standin = OpenAIStandIn()
    async with serving(standin) as provider:
        await whole_answer(provider, PROMPT)
    headers = standin.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "other" not in str(headers)
    assert OpenAIClient(KEY, "").base_url == VENDOR_URL


async def test_the_proxy_of_the_environment_is_used_but_not_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    async with OpenAIStandIn() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        far = create_provider("http://far.invalid/v1")
        # The stand-in is no proxy, but it receives the request for one.
        with pytest.raises(errors.RelayError):
            await whole_answer(far, PROMPT)
        assert (await proxy.next_request()).path == "http://far.invalid/v1/chat/completions"
        await far.close()
        near = create_provider(proxy.base_url)
        await whole_answer(near, PROMPT)
        assert (await proxy.next_request()).path == "/v1/chat/completions"
        await near.close()


async def test_a_proxy_that_cannot_be_used_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(ValueError, match=r"^HTTPS_PROXY: "):
        create_provider("")


@pytest.mark.parametrize("key", ["", "  ", "sk-kéy", "sk-1\nHost: other"])
def test_an_unusable_key_stops_the_start_with_the_variables_name(key: str) -> None:
    with pytest.raises(ValueError, match=r"^OPENAI_API_KEY: .*"):
        create_provider("", api_key=key)


BAD_URLS = ["127.0.0.1:8080/v1", "ftp://127.0.0.1", "http://", "http://a:b@127.0.0.1", "http://127.0.0.1/?a=b"]
NO_URLS = ["http://[::1", "http://xn--a/v1", "http://127.0.0.1:port/v1", "http://127.0.0.1:99999/v1"]


@pytest.mark.parametrize("url", [*BAD_URLS, *NO_URLS])
def test_an_unusable_url_stops_the_start_with_the_variables_name(url: str) -> None:
    with pytest.raises(ValueError, match=r"^OPENAI_BASE_URL: .*"):
        create_provider(url)


# Models.


async def test_the_models_are_the_servers_and_the_default() -> None:
    async with serving(OpenAIStandIn(), default_model="mine") as provider:
        models = await provider.list_models()
    assert models.models == ("gpt-4o", "gpt-4o-mini", "mine", "o3-mini")
    assert models.note == ""


NOT_LISTED = {
    **{f"{status}": Fault(kind=FaultKind.STATUS, status=status) for status in (404, 405, 410, 501)},
    "no scope": Fault(kind=FaultKind.STATUS, status=403, message="... Missing scopes: api.model.read."),
}


@pytest.mark.parametrize("case", NOT_LISTED)
async def test_a_server_without_a_list_of_models_lists_only_the_default(
    standin: OpenAIStandIn, provider: OpenAIProvider, case: str
) -> None:
    standin.listing = Script(fault=NOT_LISTED[case])
    models = await provider.list_models()
    assert models.models == ("gpt-4o",)
    assert models.note


async def test_a_list_of_models_that_fails_is_an_error(standin: OpenAIStandIn, provider: OpenAIProvider) -> None:
    standin.listing = Script(fault=Fault(kind=FaultKind.STATUS, status=503))
    with pytest.raises(errors.ProviderUnavailable):
        await provider.list_models()
    standin.listing = Script(fault=Fault(kind=FaultKind.MALFORMED))
    with pytest.raises(errors.ProviderProtocol):
        await provider.list_models()
