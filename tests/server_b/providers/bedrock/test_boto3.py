"""We call Bedrock as boto3's own client does, and read from its answers what boto3 reads: the two are compared."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import orjson
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from llm_relay.messages import Prompt, Role, Turn
from server_b.providers.base import Defaults
from server_b.providers.bedrock.account.account import Account, open_account
from server_b.providers.bedrock.client import BedrockClient
from server_b.providers.bedrock.failures.failure import Refusal, failure_from_exception
from server_b.providers.bedrock.refused_defaults import NOTHING
from server_b.providers.bedrock.request.body import request_body
from server_b.providers.parsing.finish_reasons import finish_reason
from tests.standins import BedrockStandIn, Fault, FaultKind, Received, Script, Usage
from tests.standins.bedrock import STATUS
from tests.support.bedrock_provider import SONNET, bedrock
from tests.support.whole_answers import whole_answer

pytestmark = pytest.mark.anyio

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s3cret/+", "aws_session_token": "t0ken=="}
REGION = "us-east-1"
DEFAULTS = Defaults(temperature=0.7, max_tokens=1000)
ARN = "arn:aws:bedrock:us-east-1:123456789012"
HISTORY = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, text="Hello 🌍"))
OWN_HEADERS = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "accept-encoding"}
"""Headers that each client adds and no signature covers."""


@pytest.fixture
async def standin() -> AsyncIterator[BedrockStandIn]:
    async with BedrockStandIn() as standin:
        yield standin


@pytest.fixture(scope="module")
def session() -> boto3.session.Session:
    """One session for all tests, because it caches the service's description, which is slow to read."""
    return boto3.session.Session(region_name=REGION, **KEYS)


def _account(url: str = "", *, region: str = REGION) -> Account:
    key_id, secret, token = KEYS.values()
    return open_account(
        access_key_id=key_id,
        secret_access_key=secret,
        session_token=token,
        profile="",
        region=region,
        endpoint_url=url,
    )


@contextlib.asynccontextmanager
async def _client(url: str) -> AsyncIterator[BedrockClient]:
    client = BedrockClient(_account(url))
    try:
        yield client
    finally:
        await client.close()


def _theirs(session: boto3.session.Session, service: str, url: str | None, **options: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=60, read_timeout=60)
    return session.client(service, endpoint_url=url, config=config, **options)


async def _ask_as_boto3(session: boto3.session.Session, url: str, operation: str, **arguments: Any) -> Any:
    """Calls one of boto3's operations, and reads a stream to its end."""
    service = "bedrock-runtime" if operation.startswith("converse") else "bedrock"
    client = _theirs(session, service, url)

    def call() -> Any:
        answer = getattr(client, operation)(**arguments)
        return {**answer, "stream": list(answer["stream"])} if "stream" in answer else answer

    try:
        return await asyncio.to_thread(call)
    finally:
        client.close()


def _comparable(received: Received) -> tuple[Any, ...]:
    headers = {name: value for name, value in received.headers.items() if name not in OWN_HEADERS}
    authorization, _, signature = headers.pop("authorization").rpartition("Signature=")
    assert len(signature) == 64
    del headers["x-amz-date"]
    headers.pop("content-length", None)  # JSON is written with and without spaces
    return received.method, received.path, received.body, headers, authorization.partition("/")[0]


def _signature(received: Received, url: str) -> str:
    """Signs the request as it arrived, with botocore."""
    signed = received.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest(
        method=received.method,
        url=url + received.path,
        headers={name: received.headers[name] for name in signed},
        data=received.data,
    )
    request.context["timestamp"] = received.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(*KEYS.values()), "bedrock", REGION)
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))


PROMPTS = {
    "a message": Prompt(message='Hé \U0001f600 \x7f\u2028 \\u0041 "quoted"'),
    "everything": Prompt(message="Who?", context="Be brief.\n", history=HISTORY, temperature=0.1, max_tokens=7),
    "whole numbers": Prompt(message="Who?", temperature=1, max_tokens=2**31 - 1),
}
MODELS = (
    SONNET,
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "openai.gpt-oss-120b-1:0",
    f"{ARN}:application-inference-profile/ab12cd34ef56",
    f"{ARN}:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
    "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0",
    "a b/c?d=e&f#g%20h~i*'()!;@$,+[]é😀",
)


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_prompt_is_sent_as_boto3_sends_it(
    standin: BedrockStandIn, session: boto3.session.Session, prompt: Prompt, streaming: bool
) -> None:
    body = request_body(prompt, DEFAULTS, NOTHING)
    operation = "converse_stream" if streaming else "converse"
    await _ask_as_boto3(session, standin.url, operation, modelId=SONNET, **body)
    await _ask_as_we_do(standin.url, SONNET, body, streaming=streaming)
    theirs, ours = standin.requests
    assert _comparable(ours) == _comparable(theirs)
    assert ours.body == body


@pytest.mark.parametrize("model", MODELS)
async def test_any_model_name_has_boto3s_path_and_a_valid_signature(
    standin: BedrockStandIn, session: boto3.session.Session, model: str
) -> None:
    body = request_body(Prompt(message="Hi"), DEFAULTS, NOTHING)
    await _ask_as_boto3(session, standin.url, "converse_stream", modelId=model, **body)
    await _ask_as_we_do(standin.url, model, body)
    theirs, ours = standin.requests
    assert _comparable(ours) == _comparable(theirs)
    for received in (theirs, ours):
        assert received.headers["authorization"].endswith(f"Signature={_signature(received, standin.url)}")


async def _ask_as_we_do(url: str, model: str, body: object, *, streaming: bool = True) -> None:
    async with _client(url) as client:
        response = await client.converse(model, orjson.dumps(body), streaming=streaming)
        await response.read(2**20)
        response.close()


@pytest.mark.parametrize("prefix", ["", "/prefix", "/prefix/"])
async def test_an_endpoint_may_have_a_path(
    standin: BedrockStandIn, session: boto3.session.Session, prefix: str
) -> None:
    url = standin.url + prefix
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    with contextlib.suppress(ClientError):  # the stand-in knows no such path
        await _ask_as_boto3(session, url, "converse_stream", modelId=SONNET, **body)
    async with _client(url) as client:
        with contextlib.suppress(Refusal):
            (await client.converse(SONNET, b"{}", streaming=True)).close()
    theirs, ours = standin.requests
    assert ours.path == theirs.path
    assert ours.headers["authorization"].endswith(f"Signature={_signature(ours, standin.url)}")


@pytest.mark.parametrize(
    ("operation", "arguments", "path", "query"),
    [
        ("list_foundation_models", {"byOutputModality": "TEXT"}, ["foundation-models"], {"byOutputModality": "TEXT"}),
        ("list_inference_profiles", {"maxResults": 1000}, ["inference-profiles"], {"maxResults": "1000"}),
        (
            "list_inference_profiles",
            {"maxResults": 7, "nextToken": "a+b/c= é"},
            ["inference-profiles"],
            {"maxResults": "7", "nextToken": "a+b/c= é"},
        ),
        (
            "get_inference_profile",
            {"inferenceProfileIdentifier": f"{ARN}:application-inference-profile/ab12cd34ef56"},
            ["inference-profiles", f"{ARN}:application-inference-profile/ab12cd34ef56"],
            {},
        ),
    ],
)
async def test_lists_are_requested_as_boto3_requests_them(
    standin: BedrockStandIn,
    session: boto3.session.Session,
    operation: str,
    arguments: dict[str, Any],
    path: list[str],
    query: dict[str, str],
) -> None:
    await _ask_as_boto3(session, standin.url, operation, **arguments)
    async with _client(standin.url) as client:
        await client.get(*path, **query)
    theirs, ours = standin.requests
    assert _comparable(ours) == _comparable(theirs)
    assert ours.headers["authorization"].endswith(f"Signature={_signature(ours, standin.url)}")


async def test_a_stream_says_what_boto3_reads(standin: BedrockStandIn, session: boto3.session.Session) -> None:
    standin.script = Script(
        words=("Hé", "llo ", "\U0001f600", "!"),
        finish="max_tokens",
        usage=Usage(input_tokens=20, output_tokens=7, cache_read_tokens=5, cache_write_tokens=3),
        per_write=3,
    )
    body = request_body(Prompt(message="Hi"), DEFAULTS, NOTHING)
    answer = await _ask_as_boto3(session, standin.url, "converse_stream", modelId=SONNET, **body)
    events = {name: event for each in answer["stream"] for name, event in each.items()}
    deltas = [each["contentBlockDelta"]["delta"] for each in answer["stream"] if "contentBlockDelta" in each]
    usage = events["metadata"]["usage"]

    provider = bedrock(standin.url)
    ours = await whole_answer(provider, Prompt(message="Hi"))
    await provider.close()
    assert ours.text == "".join(delta["text"] for delta in deltas)
    assert ours.finish_reason is finish_reason(events["messageStop"]["stopReason"])
    assert ours.usage is not None
    assert ours.usage.input_tokens == sum(usage[name] for name in usage if "nput" in name)
    assert ours.usage.output_tokens == usage["outputTokens"]
    assert ours.usage.cache_read_tokens == usage["cacheReadInputTokens"]
    assert ours.usage.cache_write_tokens == usage["cacheWriteInputTokens"]


@pytest.mark.parametrize("name", STATUS)
async def test_an_error_has_the_code_that_boto3_reads(
    standin: BedrockStandIn, session: boto3.session.Session, name: str
) -> None:
    standin.script = Script(fault=Fault(kind=FaultKind.STATUS, code=name, message="Not now"))
    body = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    with pytest.raises(ClientError) as theirs:
        await _ask_as_boto3(session, standin.url, "converse", modelId=SONNET, **body)
    async with _client(standin.url) as client:
        with pytest.raises(Refusal) as ours:
            await client.converse(SONNET, b"{}", streaming=False)
    failure, response = ours.value.failure, theirs.value.response
    assert {"Code": failure.code, "Message": failure.message} == response["Error"]
    assert failure.status == response["ResponseMetadata"]["HTTPStatusCode"]


def test_every_exception_of_a_stream_is_known_by_its_name_in_boto3(session: boto3.session.Session) -> None:
    operation = _theirs(session, "bedrock-runtime", None).meta.service_model.operation_model("ConverseStream")
    members = operation.get_event_stream_output().members
    named = {failure_from_exception(name, b"{}").code for name in members if name.endswith("Exception")}
    assert named <= STATUS.keys()
    assert len(named) == 5


# Endpoints.


REGIONS = (
    "us-east-1",
    "eu-central-1",
    "ap-southeast-4",
    "us-gov-west-1",
    "cn-north-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eusc-de-east-1",
    "xx-fake-9",
)
ENVIRONMENTS: dict[str, Mapping[str, str]] = {
    "plain": {},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "another endpoint": {"AWS_ENDPOINT_URL": "https://all.example.com/aws"},
    "another runtime": {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"
    },
}


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_boto3s_endpoint(region: str) -> None:
    account = _account(region=region)
    assert account.runtime_url == _endpoint_of_boto3("bedrock-runtime", region)
    assert account.control_url == _endpoint_of_boto3("bedrock", region)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_changes_endpoints_as_in_boto3(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ENVIRONMENTS[name].items():
        monkeypatch.setenv(variable, value)
    account = _account()
    assert account.runtime_url == _endpoint_of_boto3("bedrock-runtime", REGION)
    assert account.control_url == _endpoint_of_boto3("bedrock", REGION)


def _endpoint_of_boto3(service: str, region: str) -> str:
    """Makes boto3 send a request, which is caught before it goes out."""
    sent: list[Any] = []

    def catch(request: Any, **_: object) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {}, _Empty())

    client = _theirs(boto3.session.Session(region_name=region, **KEYS), service, None)
    client.meta.events.register("before-send", catch)
    if service == "bedrock":
        client.list_foundation_models()
    else:
        client.converse_stream(modelId="m", messages=[])
    url = urlsplit(sent[0].url)
    return f"{url.scheme}://{url.netloc}{url.path.partition('/model/')[0].removesuffix('/foundation-models')}"


class _Empty:
    def stream(self) -> Any:
        return iter(())

    def read(self) -> bytes:
        return b"{}"


# Credentials.


async def test_a_bedrock_api_key_takes_precedence_over_all_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1")
    account = _account("https://bedrock.example.com")
    headers = await account.signer.signed("POST", "https://bedrock.example.com/model/m/converse", {}, b"{}")
    assert headers["Authorization"] == "Bearer bedrock-api-key-1"
