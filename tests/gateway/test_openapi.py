"""What /openapi.json says is true."""

from typing import Any

import httpx2
import orjson
import pytest
from jsonschema import Draft202012Validator

from gateway.application import create_app
from llm_relay.documents import prompt_from_document
from llm_relay.errors import ProviderProtocol, ProviderRateLimited
from server_b.core.limits import Limits, Patience
from server_b.providers.base import Text
from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway, gateway_settings, server_sent_events
from tests.support.scripted import OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

DOCUMENT = create_app(gateway_settings()).openapi()
ONE_TRY = Limits(patience=Patience(attempts=1))
FULL_PROMPT = {
    "message": "Hi",
    "context": "Be brief.",
    "history": [{"role": "user", "text": "One?"}, {"role": "assistant", "text": "Two."}],
    "model": "mock-model",
    "temperature": 0.5,
    "max_tokens": 5,
    "request_id": "r-1",
}
FULL_CONTENT = {
    "message": "And now?",
    "history": [
        {"role": "user", "parts": [{"text": "Look"}, {"image": {"url": "https://example.com/a.png"}}]},
        {
            "role": "assistant",
            "parts": [
                {"reasoning": {"text": "hm", "signature": "cw==", "provider": "mock"}},
                {"tool_call": {"id": "c1", "name": "f", "arguments": {"n": 1}}},
            ],
        },
    ],
    "parts": [
        {"tool_result": {"tool_call_id": "c1", "content": [{"text": "5"}], "structured": 5, "is_error": False}},
        {"document": {"media_type": "application/pdf", "name": "a.pdf", "data": "cGRm"}},
        {"cache_point": {"ttl_seconds": 300}},
    ],
    "tools": [{"name": "f", "description": "F", "input_schema": {"type": "object"}, "strict": True}],
    "tool_choice": {"name": "f", "parallel": False},
    "response_format": {"kind": "json_schema", "name": "n", "schema": {}, "strict": False},
    "sampling": {"top_p": 1, "stop": ["."], "seed": 1, "frequency_penalty": 0, "presence_penalty": 0},
    "thinking": {"effort": "low", "max_tokens": 100},
    "tags": {"team": "a"},
    "provider_options": {"openai": {"logit_bias": {}}},
    "service_tier": "flex",
    "max_cost_usd": "0.5",
    "end_user": "u",
}


def check(name: str, value: object) -> None:
    """Raises ValidationError unless `value` has the shape of that name, and nothing more."""
    shape = {**DOCUMENT["components"]["schemas"][name], "unevaluatedProperties": False}
    Draft202012Validator({**shape, "components": DOCUMENT["components"]}).validate(value)


def described(response: httpx2.Response, method: str, path: str) -> str:
    """Returns the name of the shape that the document gives for this answer."""
    answer = DOCUMENT["paths"][path][method]["responses"][str(response.status_code)]
    media_type = response.headers["content-type"].partition(";")[0]
    reference: str = answer["content"][media_type]["schema"]["$ref"]
    return reference.rpartition("/")[2]


async def test_every_answer_has_the_shape_that_is_described() -> None:
    async with serving(MockProvider(delay_s=0)) as server_b, gateway(server_b.target) as client:
        answers = [
            (await client.post("/process", json=FULL_PROMPT), "post", "/process", "AnswerDocument"),
            (await client.post("/cancel/r-1"), "post", "/cancel/{request_id}", "FoundDocument"),
            (await client.get("/models"), "get", "/models", "ModelListDocument"),
            (await client.get("/config"), "get", "/config", "ConfigDocument"),
            (await client.get("/health"), "get", "/health", "HealthDocument"),
        ]
    for response, method, path, name in answers:
        assert response.status_code == 200
        assert described(response, method, path) == name
        check(name, response.json())


async def test_every_event_has_the_shape_that_is_described() -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), ProviderProtocol()))
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        response = await client.post("/stream", json=FULL_PROMPT)
    *deltas, finish, _ = server_sent_events(response.text)
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        failure = server_sent_events((await client.post("/stream", json={"message": "Hi"})).text)[-1]
    check("DeltaDocument", orjson.loads(deltas[0]["data"]))
    check("FinishDocument", orjson.loads(finish["data"]))
    check("StreamErrorDocument", orjson.loads(failure["data"]))


async def test_every_error_has_the_shape_that_is_described(alone: httpx2.AsyncClient) -> None:
    async with (
        serving(ScriptedProvider((ProviderRateLimited(retry_after_s=1),)), limits=ONE_TRY) as server_b,
        gateway(server_b.target) as client,
    ):
        limited = await client.post("/stream", json={"message": "Hi"})
    answers = [
        (limited, "post", "/stream"),
        (await alone.post("/process", json={}), "post", "/process"),
        (await alone.post("/process", content=b" " * 6_000_000), "post", "/process"),
        (await alone.post("/process", json={"message": "Hi"}), "post", "/process"),
        (await alone.post("/cancel/no%20id"), "post", "/cancel/{request_id}"),
        (await alone.get("/models"), "get", "/models"),
        (await alone.get("/config"), "get", "/config"),
    ]
    assert [response.status_code for response, *_ in answers] == [429, 422, 413, 503, 422, 503, 503]
    for response, method, path in answers:
        assert described(response, method, path) == "ProblemDocument"
        check("ProblemDocument", response.json())
    unhealthy = await alone.get("/health")
    assert described(unhealthy, "get", "/health") == "HealthDocument"
    check("HealthDocument", unhealthy.json())


def test_the_fields_of_a_prompt_are_those_that_are_accepted() -> None:
    for document in (FULL_PROMPT, FULL_CONTENT):
        check("PromptDocument", document)
        assert prompt_from_document(document).message == document["message"]
    described = set(DOCUMENT["components"]["schemas"]["PromptDocument"]["properties"])
    assert described == set(FULL_PROMPT) | set(FULL_CONTENT)


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]
)
def test_every_route_describes_its_errors_and_the_id_of_the_answer(path: str, method: str) -> None:
    operation: dict[str, Any] = DOCUMENT["paths"][path][method]
    assert operation["summary"]
    invalid = "400" if path.startswith("/v1/") else "422"
    assert {"200", "403", invalid, "500"} <= set(operation["responses"])
    assert ("401" in operation["responses"]) is ("security" in operation) is (path != "/health")
    assert all("X-Request-Id" in answer["headers"] for answer in operation["responses"].values())
    parameters = {parameter["name"] for parameter in operation["parameters"]}
    assert {"X-Request-Id", "X-Request-Timeout"} <= parameters
    assert ("Idempotency-Key" in parameters) is ("requestBody" in operation)


def test_a_stream_is_described_only_as_a_stream() -> None:
    answers = DOCUMENT["paths"]["/stream"]["post"]["responses"]
    assert set(answers["200"]["content"]) == {"text/event-stream"}
    *deltas, finish, _ = server_sent_events(answers["200"]["content"]["text/event-stream"]["example"])
    check("DeltaDocument", orjson.loads(deltas[0]["data"]))
    check("FinishDocument", orjson.loads(finish["data"]))


@pytest.mark.parametrize("path", ["/process", "/stream"])
def test_the_examples_of_a_prompt_are_prompts(path: str) -> None:
    examples = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) > 1
    for example in examples.values():
        check("PromptDocument", example["value"])
        assert prompt_from_document(example["value"]).message == example["value"]["message"]


@pytest.mark.parametrize("path", ["/process", "/stream", "/v1/chat/completions", "/v1/responses"])
async def test_the_examples_of_requests_are_answered(path: str) -> None:
    examples = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) > 2
    async with serving(MockProvider(delay_s=0, word_delay_s=0)) as server_b, gateway(server_b.target) as client:
        for example in examples.values():
            response = await client.post(path, json=example["value"])
            assert response.status_code == 200, response.text
            streamed = example["value"].get("stream", path == "/stream")
            assert response.headers["content-type"].startswith("text/event-stream" if streamed else "application/json")


def test_the_example_of_a_chat_stream_has_its_events() -> None:
    answer = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    *chunks, done = [event["data"] for event in server_sent_events(answer["text/event-stream"]["example"])]
    assert done == "[DONE]"
    said = [choice["delta"].get("content", "") for one in chunks for choice in orjson.loads(one)["choices"]]
    assert "".join(said) == answer["application/json"]["example"]["choices"][0]["message"]["content"]


def test_every_error_has_an_example() -> None:
    missing = [
        (path, status, media_type)
        for path, item in DOCUMENT["paths"].items()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        for media_type, content in answer["content"].items()
        if status != "200" and "example" not in content
    ]
    assert missing == []


def test_the_examples_of_answers_have_their_shapes() -> None:
    count = 0
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for content in answer["content"].values():
                    if "$ref" in content["schema"] and "example" in content:
                        check(content["schema"]["$ref"].rpartition("/")[2], content["example"])
                        count += 1
    assert count >= 100


def test_every_route_has_a_tag_that_is_described() -> None:
    described = {tag["name"] for tag in DOCUMENT["tags"]}
    used = {tag for item in DOCUMENT["paths"].values() for operation in item.values() for tag in operation["tags"]}
    assert used == described


def test_fastapis_own_error_shape_is_described_nowhere() -> None:
    assert not [name for name in DOCUMENT["components"]["schemas"] if "Validation" in name]


def test_all_routes_of_the_contract_are_described() -> None:
    assert {(path, method) for path, item in DOCUMENT["paths"].items() for method in item} == {
        ("/process", "post"),
        ("/stream", "post"),
        ("/cancel/{request_id}", "post"),
        ("/health", "get"),
        ("/models", "get"),
        ("/config", "get"),
        ("/usage", "get"),
        ("/usage/me", "get"),
        ("/calls", "get"),
        ("/v1/chat/completions", "post"),
        ("/v1/responses", "post"),
        ("/v1/models", "get"),
        ("/v1/models/{model}", "get"),
    }


def test_every_reference_resolves() -> None:
    text = orjson.dumps(DOCUMENT).decode()
    references = {part.partition('"')[0] for part in text.split('"$ref":"')[1:]}
    assert references
    assert {one.rpartition("/")[2] for one in references} <= set(DOCUMENT["components"]["schemas"])


async def test_the_document_is_served_as_it_is(alone: httpx2.AsyncClient) -> None:
    for path in ("/openapi.json", "/docs/openapi.json"):
        assert (await alone.get(path)).json() == orjson.loads(orjson.dumps(DOCUMENT))
