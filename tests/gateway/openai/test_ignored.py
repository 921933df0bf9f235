"""Members without effect are named in `x-relay-ignored`, or refused if dropping them would change the answer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from llm_relay.errors import ProviderRejected, Unsupported, Violation
from server_b.providers.base import Defaults
from server_b.providers.mock.provider import MockProvider
from server_b.providers.openai.provider import OpenAIProvider
from tests.standins.openai import OpenAIStandIn
from tests.support.gateways import gateway
from tests.support.scripted import ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
RESPONSE: dict[str, Any] = {"model": "m", "input": "Hello"}
FOR_OPENAI = {"verbosity": "low", "prompt_cache_key": "k", "prompt_cache_retention": "24h"}
BIAS = {"logit_bias": {"1": 2}}

whole_or_streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as http:
        yield http


async def ignored(http: httpx2.AsyncClient, body: dict[str, Any], path: str = "/v1/chat/completions") -> list[str]:
    answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    told = answer.headers.get("x-relay-ignored", "")
    return sorted(told.split(",")) if told else []


@whole_or_streamed
async def test_members_that_only_openai_accepts_are_named(mock: httpx2.AsyncClient, stream: bool) -> None:
    assert await ignored(mock, {**CHAT, **FOR_OPENAI, "stream": stream, "store": True}) == [
        "prompt_cache_key",
        "prompt_cache_retention",
        "store",
        "verbosity",
    ]
    body = {**RESPONSE, "text": {"verbosity": "low"}, "prompt_cache_key": "k", "stream": stream}
    assert await ignored(mock, body, "/v1/responses") == ["prompt_cache_key", "text.verbosity"]


@whole_or_streamed
async def test_members_that_have_their_effect_are_not_named(mock: httpx2.AsyncClient, stream: bool) -> None:
    assert await ignored(mock, {**CHAT, "reasoning_effort": "low", "top_p": 0.5, "stream": stream}) == []


@whole_or_streamed
async def test_a_bias_is_refused_where_the_provider_takes_none(stream: bool) -> None:
    provider = ScriptedProvider()
    provider.ignored = ("options.provider_options.openai.logit_bias",)
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        answer = await http.post("/v1/chat/completions", json={**CHAT, **BIAS, "stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "logit_bias", "UNSUPPORTED")
    assert error["message"].startswith("logit_bias: ")
    assert answer.headers["x-should-retry"] == "false"
    assert provider.tries == []


async def test_a_compatible_server_gets_the_bias_but_not_members_for_openai_alone() -> None:
    async with OpenAIStandIn() as standin:
        provider = OpenAIProvider(
            api_key="k",
            base_url=standin.base_url,
            default_model="gpt-4o",
            defaults=Defaults(temperature=0.7, max_tokens=100),
        )
        async with serving(provider) as server_b, gateway(server_b.target) as http:
            assert await ignored(http, {**CHAT, **FOR_OPENAI, **BIAS, "model": "gpt-4o"}) == sorted(FOR_OPENAI)
        sent = standin.requests[-1].body
    assert sent["logit_bias"] == {"1": 2}
    assert not FOR_OPENAI.keys() & sent.keys()


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [("/v1/chat/completions", CHAT, "reasoning_effort"), ("/v1/responses", RESPONSE, "reasoning.effort")],
)
@whole_or_streamed
async def test_thinking_that_the_provider_ignores_is_named(
    path: str, body: dict[str, Any], name: str, stream: bool
) -> None:
    provider = ScriptedProvider()
    provider.ignored = ("options.thinking",)
    asked = {"reasoning_effort": "low"} if path.endswith("completions") else {"reasoning": {"effort": "low"}}
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        assert await ignored(http, {**body, **asked, "stream": stream}, path) == [name]


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("options.sampling.seed", "seed"),
        ("options.thinking.effort", "reasoning_effort"),
        ("options.tools[0].input_schema_json", "tools[0].function.parameters"),
        ("options.tool_choice.parallel", "parallel_tool_calls"),
        ("options.response_format.schema_json", "response_format.json_schema.schema"),
        ("parts[0].image.url", "messages[0].content"),
        ("max_tokens", "max_completion_tokens"),
    ],
)
async def test_refused_members_have_the_name_that_the_client_gave_them(field: str, param: str) -> None:
    provider = ScriptedProvider([ProviderRejected("x", violations=(Violation(field, "leave it out"),))])
    asked = {**CHAT, "max_completion_tokens": 9, "tools": [{"type": "function", "function": {"name": "weather"}}]}
    async with serving(provider) as server_b, gateway(server_b.target) as http:
        answers = [await http.post("/v1/chat/completions", json=asked)]
        provider.unsupported = Unsupported.of_field(field, "leave it out")
        answers.append(await http.post("/v1/chat/completions", json=asked))
    for answer in answers:
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param
        assert answer.json()["error"]["message"] == f"{param}: leave it out"
