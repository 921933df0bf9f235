"""A chain as the settings create it, over real sockets, with stand-ins that speak both providers' protocols."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from llm_relay.errors import ProviderProtocol, ProviderRejected, ProviderUnavailable
from llm_relay.messages import Answer, Cost, Prompt, Started, State
from server_b.composition import chained, create_providers, open_relay
from server_b.core.relay import Relay
from server_b.providers.base import Provider
from server_b.settings import ServerBSettings
from tests.standins.bedrock import BedrockStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script, Usage
from tests.support.relayed import last, streamed, text, whole

pytestmark = pytest.mark.anyio

HI = Prompt(message="Hi", model="gpt-4o")
SONNET = "anthropic.claude-3-5-sonnet-20241022-v2:0"
SPENT = Usage(input_tokens=1000, output_tokens=100)
BEFORE = {
    "429": Fault(kind=FaultKind.STATUS, status=429, headers={"retry-after": "30"}),
    "500": Fault(kind=FaultKind.STATUS, status=500),
    "401": Fault(kind=FaultKind.STATUS, status=401),
    "404": Fault(kind=FaultKind.STATUS, status=404),
}


@dataclasses.dataclass(frozen=True)
class Chain:
    """Two stand-ins, and a relay that calls the first and then the second."""

    openai: OpenAIStandIn
    bedrock: BedrockStandIn
    relay: Relay


def settings(**given: Any) -> ServerBSettings:
    return ServerBSettings(_env_file=None, **given)  # type: ignore[call-arg]


def created(made: ServerBSettings) -> Provider:
    return chained(create_providers(made), made)


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    async with contextlib.AsyncExitStack() as stack:
        openai = await stack.enter_async_context(OpenAIStandIn(Script(usage=SPENT)))
        bedrock = await stack.enter_async_context(BedrockStandIn(Script(usage=SPENT)))
        made = settings(
            ai_provider="openai, bedrock",
            model_map="bedrock/gpt-4o=sonnet-v2",
            openai_api_key="sk-canary",
            openai_base_url=openai.base_url,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="canary",
            aws_endpoint_url_bedrock_runtime=bedrock.url,
            bedrock_default_model="haiku",
            retry_attempts=1,
        )
        yield Chain(openai, bedrock, await stack.enter_async_context(open_relay(made)))


@pytest.mark.parametrize("fault", BEFORE)
@pytest.mark.parametrize("way", [whole, streamed])
async def test_bedrock_answers_if_openai_fails_before_its_first_token(chain: Chain, fault: str, way: Any) -> None:
    chain.openai.script = Script(fault=BEFORE[fault])
    answer = await way(chain.relay, HI)
    if isinstance(answer, Answer):
        finished, provider, said = answer.finished, answer.provider, answer.text
    else:
        assert isinstance(answer[0], Started)
        finished, provider, said = last(answer), answer[0].provider, text(answer)
    assert (provider, finished.model, said) == ("bedrock", SONNET, "Hello, wörld!")
    assert finished.cost == Cost()  # a self-hosted server has no list prices
    if fault != "404":  # a caller's mistake is not the provider's fault
        assert chain.relay.status().provider_state is State.DEGRADED
        assert chain.relay.status().provider_error.endswith(" openai")


async def test_openai_answers_where_it_can(chain: Chain) -> None:
    answer = await whole(chain.relay, HI)
    assert (answer.provider, answer.finished.model) == ("openai", "gpt-4o")
    assert chain.bedrock.requests == []
    assert chain.relay.status().provider == "openai,bedrock"


@pytest.mark.parametrize("way", [whole, streamed])
async def test_a_request_that_openai_may_have_worked_on_is_not_passed_to_bedrock(chain: Chain, way: Any) -> None:
    chain.openai.script = Script(fault=Fault(kind=FaultKind.CUT_BEFORE))
    with pytest.raises(ProviderUnavailable) as failed:
        await way(chain.relay, HI)
    assert failed.value.may_have_worked
    assert len(chain.openai.requests) == 1
    assert chain.bedrock.requests == []


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.RESET, FaultKind.NO_END, FaultKind.MALFORMED])
async def test_a_stream_that_openai_cuts_is_an_error_and_not_passed_to_bedrock(chain: Chain, kind: FaultKind) -> None:
    chain.openai.script = Script(fault=Fault(kind=kind, after=2))
    for way in (streamed, whole):
        with pytest.raises(ProviderProtocol):
            await way(chain.relay, HI)
    assert chain.bedrock.requests == []


async def test_a_prompt_that_openai_refuses_is_not_passed_to_bedrock(chain: Chain) -> None:
    with pytest.raises(ProviderRejected):
        await whole(chain.relay, Prompt(message="Hi", model="short-context"))
    assert chain.bedrock.requests == []


async def test_the_models_of_both_are_listed(chain: Chain) -> None:
    models = await chain.relay.list_models()
    assert {"gpt-4o", "sonnet-v2", SONNET} <= set(models.models)
    assert list(models.models) == sorted(models.models)
    assert models.default_model == "gpt-4o"
    assert models.note.startswith("openai: gpt-4o, ")
    assert "; bedrock: " in models.note


def test_a_missing_key_of_any_provider_in_the_chain_stops_the_start() -> None:
    with pytest.raises(ValueError, match=r"^OPENAI_API_KEY: is needed"):
        create_providers(settings(ai_provider="mock,openai"))


async def test_the_mock_can_be_part_of_a_chain() -> None:
    provider = created(settings(ai_provider="mock,openai", openai_api_key="sk-canary"))
    assert (provider.name, provider.default_model) == ("mock,openai", "mock-model")
    await provider.close()


async def test_one_provider_without_a_map_is_that_provider_itself() -> None:
    provider = created(settings(ai_provider="mock", model_map="bedrock/a=b"))
    assert type(provider).__name__ == "MockProvider"
