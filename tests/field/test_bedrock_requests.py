"""Requests to Bedrock: the model's id in each partition, our defaults where the model accepts them, and streams."""

import pytest

from tests.field.calls import WAYS
from tests.field.conftest import BEDROCK
from tests.field.events import GOOD, message, refusal, stream
from tests.field.field import Field, open_field
from tests.field.provider import Request, Steps
from tests.field.wire import whole

pytestmark = pytest.mark.anyio

VALIDATION = "ValidationException"
STREAMING_REFUSED = (
    "The model is unsupported for streaming.",
    "This model doesn't support streaming. Try again with the Converse operation.",
    "The model is unsupported for ConverseStream.",
)
TEMPERATURE_REFUSED = (
    "`temperature` is deprecated for this model.",
    "The model returned the following errors: temperature: Extra inputs are not permitted",
    "The value at inferenceConfig.temperature is not supported by this model",
)
LIMIT_REFUSED = (
    "The maximum tokens you requested exceeds the model limit of 512. Try again with a lower value",
    "You passed 20 input tokens and requested 1000 output tokens. However, the model's context length is only 512",
    "The model returned the following errors: max_tokens: 1000 > 512, which is the maximum allowed",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", STREAMING_REFUSED)
async def test_a_model_that_cannot_stream_is_asked_whole(bedrock: Field, way: str, said: str) -> None:
    def answer(request: Request) -> Steps:
        if request.path.endswith("-stream"):
            return refusal(VALIDATION, said)
        return whole(message([{"text": "Hello"}]))

    model = f"unstreamed-{STREAMING_REFUSED.index(said)}-{way}"
    bedrock.provider.scripts[model] = answer
    for _ in range(2):
        result = await bedrock.call(way, {"message": "Hi", "model": model})
        assert (result.facts["text"], result.facts["output"]) == ("Hello", 3)
    asked = [request.path.rpartition("/")[2] for request in bedrock.provider.requests[model]]
    assert asked == ["converse-stream", "converse", "converse"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("member", "said"),
    [
        *(("temperature", said) for said in TEMPERATURE_REFUSED),
        *(("maxTokens", said) for said in LIMIT_REFUSED),
    ],
)
async def test_a_default_of_ours_that_is_refused_is_left_out_from_then_on(
    bedrock: Field, way: str, member: str, said: str
) -> None:
    def answer(request: Request) -> Steps:
        return refusal(VALIDATION, said) if member in request.body.get("inferenceConfig", {}) else stream(GOOD)

    model = f"refusing {member} {said[:40]} {way}"
    bedrock.provider.scripts[model] = answer
    for _ in range(2):
        assert (await bedrock.call(way, {"message": "Hi", "model": model})).facts["text"] == "Hello"
    assert len(bedrock.provider.requests[model]) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_whole_answers_are_requested_as_streams(bedrock: Field, way: str) -> None:
    model = f"asked-{way}"
    bedrock.provider.scripts[model] = (stream(GOOD),)
    assert (await bedrock.call(way, {"message": "Hi", "model": model})).facts["text"] == "Hello"
    assert bedrock.provider.requests[model][-1].path == f"/model/{model}/converse-stream"


@pytest.mark.parametrize("way", WAYS)
async def test_neighbouring_turns_of_one_role_are_sent_as_one_message(bedrock: Field, way: str) -> None:
    model = f"turns-{way}"
    bedrock.provider.scripts[model] = (stream(GOOD),)
    history = [{"role": role, "text": said} for role, said in (("user", "a"), ("assistant", "b"), ("user", "c"))]
    await bedrock.call(way, {"message": "Hi", "model": model, "history": history})
    messages = bedrock.provider.requests[model][-1].body["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert [block["text"] for block in messages[-1]["content"]] == ["c", "Hi"]


@pytest.mark.parametrize(
    ("region", "asked", "prefix"),
    [
        ("us-east-1", "sonnet-4", "us.anthropic."),
        ("eu-central-1", "sonnet-4", "eu.anthropic."),
        ("us-gov-west-1", "sonnet-4", "us-gov.anthropic."),
        ("us-gov-west-1", "sonnet-4.5", "us-gov.anthropic."),
        ("us-gov-east-1", "haiku-4.5", "us-gov.anthropic."),
        ("us-east-1", "sonnet-4.5", "global.anthropic."),
    ],
)
async def test_a_short_name_stands_for_the_profile_of_the_regions_partition(
    region: str, asked: str, prefix: str
) -> None:
    async with open_field(**BEDROCK, aws_region=region) as opened:
        await opened.call("grpc-stream", {"message": "Hi", "model": asked})
        (model,) = opened.provider.requests
    assert model.startswith(prefix)
