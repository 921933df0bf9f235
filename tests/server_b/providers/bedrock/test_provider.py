"""Behaviour of Bedrock's provider alone: its requests, its answers, its models, and refusals at start."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from llm_relay.errors import ProviderRejected
from llm_relay.messages import Accuracy, FinishReason, Model, Prompt, Role, Turn
from llm_relay.messages import Usage as Counts
from server_b.providers.base import Ending, Opening, Text
from server_b.providers.bedrock.provider import BedrockProvider
from tests.standins import BedrockStandIn, Fault, FaultKind, Script, Usage
from tests.standins.bedrock import MODELS
from tests.support.bedrock_provider import PROMPT, SONNET, bedrock, pieces_of, texts_of
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture
async def provider(standin: BedrockStandIn) -> AsyncIterator[BedrockProvider]:
    provider = bedrock(standin.url)
    yield provider
    await provider.close()


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hides this machine's credentials; returns where a credentials file would be."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


@pytest.fixture
def profile(no_account: Path) -> str:
    """Makes a profile with its own keys; returns its name."""
    no_account.write_text("[relay]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = x\n")
    return "relay"


# Requests.


async def test_a_request_has_system_prompt_history_and_defaults(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, text="Hello"))
    await whole_answer(provider, Prompt(message="Who?", context="Be brief.", history=history))
    assert standin.requests[0].path == f"/model/{SONNET.replace(':', '%3A')}/converse-stream"
    assert standin.requests[0].body == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello"}]},
            {"role": "user", "content": [{"text": "Who?"}]},
        ],
        "inferenceConfig": {"temperature": 0.7, "maxTokens": 1000},
    }


async def test_a_whole_answer_is_requested_as_a_stream_too(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    prompt = Prompt(message="Who?", context=" ", temperature=0, max_tokens=5, model="haiku")
    await whole_answer(provider, prompt)
    await pieces_of(provider, prompt)
    whole, streamed = standin.requests
    assert whole.body == streamed.body
    assert streamed.body["inferenceConfig"] == {"temperature": 0, "maxTokens": 5}
    assert "system" not in streamed.body
    assert {whole.path, streamed.path} == {"/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream"}


async def test_keys_token_and_region_sign_the_request(standin: BedrockStandIn) -> None:
    provider = bedrock(standin.url, session_token="tok", region="eu-west-1")
    await whole_answer(provider, PROMPT)
    await provider.close()
    headers = standin.requests[0].headers
    assert "Credential=AKIDEXAMPLE/" in headers["authorization"]
    assert "/eu-west-1/bedrock/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "tok"


async def test_a_profile_signs_the_request(standin: BedrockStandIn, profile: str) -> None:
    provider = bedrock(standin.url, access_key_id="", secret_access_key="", profile=profile)
    await whole_answer(provider, PROMPT)
    await provider.close()
    assert "Credential=AKIDPROFILE/" in standin.requests[0].headers["authorization"]


async def test_a_model_that_needs_a_profile_is_reported_with_the_profile(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    message = "Invocation of model ID x with on-demand throughput isn’t supported. Retry with an inference profile."
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code="ValidationException", message=message))
    with pytest.raises(ProviderRejected, match=r"^model: .* us\.anthropic\.claude-sonnet-4-20250514-v1:0 "):
        await whole_answer(provider, Prompt(message="Hi", model="anthropic.claude-sonnet-4-20250514-v1:0"))


# Answers.


async def test_cached_tokens_count_as_input(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.script = Script(usage=Usage(input_tokens=20, output_tokens=7, cache_read_tokens=5, cache_write_tokens=3))
    counted = Counts(
        input_tokens=28, output_tokens=7, cache_read_tokens=5, cache_write_tokens=3, accuracy=Accuracy.EXACT
    )
    assert (await whole_answer(provider, PROMPT)).usage == counted
    assert (await pieces_of(provider))[-1] == Ending(FinishReason.STOP, counted)


async def test_an_answer_without_usage_is_whole(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.script = Script(usage=None, finish="max_tokens")
    assert (await whole_answer(provider, PROMPT)).usage is None
    assert (await pieces_of(provider))[-1] == Ending(FinishReason.LENGTH, None)


async def test_a_stream_opens_with_the_requested_id(provider: BedrockProvider) -> None:
    assert (await pieces_of(provider))[0] == Opening(SONNET)
    assert (await pieces_of(provider, Prompt(message="Hi", model="nova-lite")))[0] == Opening("amazon.nova-lite-v1:0")


async def test_deltas_that_gather_are_one_text(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    words = tuple(f"{number} " for number in range(1000))
    standin.script = Script(words=words, per_write=len(words))
    texts = texts_of(await pieces_of(provider))
    assert "".join(text.text for text in texts) == "".join(words)
    assert sum(text.count for text in texts) == len(words)
    assert len(texts) < len(words)


async def test_a_hundred_thousand_tokens_arrive_whole(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    words = tuple(f"{number} " for number in range(100_000))
    standin.script = Script(words=words, per_write=500)
    texts = texts_of(await pieces_of(provider))
    assert "".join(text.text for text in texts) == "".join(words)
    assert sum(text.count for text in texts) == len(words)


async def test_a_token_of_a_megabyte_arrives_whole(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    word = "wörd" * 2**18
    standin.script = Script(words=(word,))
    assert texts_of(await pieces_of(provider)) == [Text(word)]


async def test_characters_split_between_packets_arrive_whole(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.SPLIT_UTF8))
    assert "".join(text.text for text in texts_of(await pieces_of(provider))) == "Hello, wörld!"


PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (HAIKU, ()),
        (f"eu.{HAIKU}", (HAIKU,)),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{HAIKU}", (f"us.{HAIKU}", HAIKU)),
        (PROFILE, (HAIKU,)),
    ],
)
async def test_a_stream_opens_with_the_names_that_a_price_list_may_have(
    provider: BedrockProvider, model: str, names: tuple[str, ...]
) -> None:
    assert (await pieces_of(provider, Prompt(message="Hi", model=model)))[0] == Opening(model, priced_as=names)


async def test_the_model_in_an_application_profile_is_looked_up_once(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    prompt = Prompt(message="Hi", model=PROFILE)
    await asyncio.gather(*(pieces_of(provider, prompt) for _ in range(5)))
    await pieces_of(provider, prompt)
    methods = [request.method for request in standin.requests]
    assert (methods.count("GET"), methods.count("POST")) == (1, 6)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "InternalServerException"])
async def test_a_failed_lookup_of_a_profiles_model_does_not_stop_the_call(
    standin: BedrockStandIn, provider: BedrockProvider, code: str
) -> None:
    standin.profiles = Script(fault=Fault(kind=FaultKind.STATUS, code=code))
    prompt = Prompt(message="Hi", model=PROFILE)
    assert (await pieces_of(provider, prompt))[0] == Opening(PROFILE)
    await pieces_of(provider, prompt)
    assert [request.method for request in standin.requests] == ["GET", "POST", "POST"]


# Models.


async def test_models_are_the_short_names_their_ids_and_what_bedrock_lists(
    standin: BedrockStandIn, provider: BedrockProvider
) -> None:
    models = await provider.list_models()
    assert {"sonnet-v2", "opus", "haiku", "nova-lite", *MODELS} <= set(models.models)
    assert len(models.models) == len(set(models.models))
    assert models.default_model == SONNET
    assert models.note == ""
    paths = {request.path for request in standin.requests}
    assert paths == {"/foundation-models?byOutputModality=TEXT", "/inference-profiles?maxResults=1000"}


async def test_the_facts_of_a_model_are_listed_under_each_of_its_names(provider: BedrockProvider) -> None:
    details = {detail.id: detail for detail in (await provider.list_models()).details}
    sonnet = Model(id=SONNET, provider="bedrock", tools=True, images=True, reasoning=False)
    assert details[SONNET] == sonnet
    assert details["sonnet-v2"] == replace(sonnet, id="sonnet-v2")
    assert details["sonnet-4"] == Model(id="sonnet-4", provider="bedrock", tools=True, images=True, reasoning=True)
    assert details["haiku"].images is False
    nova = "eu.amazon.nova-lite-v1:0"
    assert details[nova] == Model(id=nova, provider="bedrock", tools=True, images=True)
    assert details["mistral"] == Model(id="mistral", provider="bedrock", tools=True, images=False)
    assert (details["mistral-7b"].tools, details["llama-scout"].images) == (False, True)
    assert details["haiku-3.5"].images is None


async def test_inference_profiles_are_listed_by_id_and_an_accounts_own_by_arn(provider: BedrockProvider) -> None:
    models = (await provider.list_models()).models
    assert "eu.amazon.nova-lite-v1:0" in models
    assert "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56" in models
    assert "ab12cd34ef56" not in models


async def test_models_are_listed_if_profiles_may_not_be(standin: BedrockStandIn, provider: BedrockProvider) -> None:
    standin.profiles = Script(fault=Fault(kind=FaultKind.STATUS, code="AccessDeniedException"))
    models = await provider.list_models()
    assert set(MODELS) <= set(models.models)
    assert models.note == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [("AccessDeniedException", "PROVIDER_AUTH"), ("InternalServerException", "PROVIDER_UNAVAILABLE")],
)
async def test_without_a_list_the_short_names_are_given_with_a_note(
    standin: BedrockStandIn, provider: BedrockProvider, code: str, reason: str
) -> None:
    standin.listing = Script(fault=Fault(kind=FaultKind.STATUS, code=code))
    models = await provider.list_models()
    assert "sonnet-v2" in models.models
    assert reason in models.note


# Starts.


def test_the_start_is_refused_without_credentials(no_account: Path) -> None:
    with pytest.raises(ValueError, match=r"AWS_ACCESS_KEY_ID.*AWS_PROFILE"):
        bedrock("", access_key_id="", secret_access_key="")


def test_the_start_is_refused_with_an_unknown_profile(no_account: Path) -> None:
    with pytest.raises(ValueError, match=r"^AWS_PROFILE: .*'nobody'"):
        bedrock("", access_key_id="", secret_access_key="", profile="nobody")


def test_the_start_is_refused_with_an_endpoint_that_is_no_url() -> None:
    with pytest.raises(ValueError, match=r"^AWS_ENDPOINT_URL_BEDROCK_RUNTIME: is not a URL"):
        bedrock("not a url")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_the_start_is_refused_with_an_invalid_ca_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(ValueError, match=rf"^AWS_CA_BUNDLE: cannot read {bundle}: "):
        bedrock("")


def test_the_start_is_refused_with_an_invalid_region() -> None:
    with pytest.raises(ValueError, match=r"^AWS_REGION: 'us east' is not a region"):
        bedrock("", region="us east")
