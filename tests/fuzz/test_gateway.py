"""The gateway against its own OpenAPI document: good requests, bad ones, and bodies that are no JSON at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from gateway.errors.problems import HTTP_STATUSES, PROBLEM_JSON
from gateway.streaming import EVENT_STREAM
from llm_relay.documents.prompts.turns import NOT_BLANK
from llm_relay.errors import ERRORS_BY_REASON
from tests.fuzz.conftest import Target, examples

pytestmark = pytest.mark.anyio

PROMISES: list[Any] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
TEXT_FIELDS = ("message", "context", "history", "model", "temperature", "max_tokens", "request_id")


OPENAI_PATHS = "^/v1/"
ELSEWHERE = {"time_zone": "Europe/Oslo", "page_token": "", "tag": "project=x"}
"""Parameters whose good values a schema cannot list: names of time zones, and the cursor of an earlier page."""
REFUSALS: dict[GenerationMode, Any] = {
    GenerationMode.POSITIVE: checks.positive_data_acceptance,
    GenerationMode.NEGATIVE: checks.negative_data_rejection,
}
"""Checks of acceptance. They do not apply to OpenAI's paths, whose schemas do not say what cannot be translated."""


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("paths", ["own", "openai"])
async def test_the_gateway_matches_its_openapi_document(
    paths: str, mode: GenerationMode, target: Target, seen: Counter[str]
) -> None:
    schema = await _schema(target)
    is_own = paths == "own"
    chosen = schema.exclude(path_regex=OPENAI_PATHS) if is_own else schema.include(path_regex=OPENAI_PATHS)
    promises = [*PROMISES, REFUSALS[mode]] if is_own else PROMISES
    session = requests.Session()
    session.trust_env = False

    @examples(in_full=4_000 if is_own else 300, in_short=60)  # a conversation takes long to generate
    @given(case=chosen.as_strategy(generation_mode=mode))
    def fuzz(case: schemathesis.Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:
            case.query.update({name: value for name, value in ELSEWHERE.items() if name in case.query})
        response = case.call(session=session, timeout=10)
        content_type = response.headers.get("content-type", [""])[0]
        seen[_outcome(response.status_code, content_type, response.json)] += 1
        # OpenAPI 3.1 can only describe a stream as a whole; schemathesis would apply that to each event.
        skipped = [checks.response_schema_conformance] if content_type.startswith(EVENT_STREAM) else []
        case.validate_response(response, checks=promises, excluded_checks=skipped)

    await asyncio.to_thread(fuzz)
    await _check_unharmed(target)


@pytest.mark.parametrize(
    ("path", "around"),
    [
        ("/process", b'{"message": "%b"}'),
        ("/stream", b'{"message": "%b"}'),
        ("/v1/chat/completions", b'{"model": "m", "messages": [{"role": "user", "content": "%b"}]}'),
        ("/v1/responses", b'{"model": "m", "input": "%b"}'),
    ],
)
async def test_malformed_bodies_are_refused(path: str, around: bytes, target: Target, seen: Counter[str]) -> None:
    session = requests.Session()
    session.trust_env = False

    @examples(in_full=1_000, in_short=40)
    @given(body=st.binary(max_size=200) | st.text().map(lambda text: around % text.encode(errors="surrogatepass")))
    def fuzz(body: bytes) -> None:
        response = session.post(f"http://{target.gateway.address}{path}", data=body, timeout=10)
        seen[_outcome(response.status_code, response.headers["content-type"], response.json)] += 1

    await asyncio.to_thread(fuzz)
    await _check_unharmed(target)


async def _schema(target: Target) -> Any:
    url = f"http://{target.gateway.address}"
    async with httpx2.AsyncClient(trust_env=False) as client:
        document = (await client.get(f"{url}/openapi.json")).json()
    document["components"]["schemas"]["PromptDocument"] = _of_text(document["components"]["schemas"]["PromptDocument"])
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    schema.config.output.sanitization.update(enabled=False)  # it takes max_tokens for a secret
    return schema


def _of_text(prompt: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of text-only prompts: no schema can say which parts and options are valid together."""
    properties = {name: prompt["properties"][name] for name in TEXT_FIELDS}
    properties["message"] = {**properties["message"], "minLength": 1, "pattern": NOT_BLANK}
    turn = properties["history"]["items"]
    turn = {
        **turn,
        "properties": {name: turn["properties"][name] for name in ("role", "text")},
        "required": ["role", "text"],
    }
    return {**prompt, "properties": {**properties, "history": {**properties["history"], "items": turn}}}


def _outcome(status: int, content_type: str, parsed: Callable[[], Any]) -> str:
    """Returns OK or the status and its reason; raises AssertionError for a failure that the contract does not know."""
    if status == 200:
        return "OK"
    assert status != 500
    document = parsed()
    if status == 503 and document.get("status") == "unhealthy":
        return "503 unhealthy"  # /health with a deadline that was too short
    if content_type == "application/json":  # OpenAI's own shape
        assert document["error"]["type"]
        return f"{status} {document['error']['code']}"
    assert content_type == PROBLEM_JSON
    reason = str(document["reason"])
    # The router's own refusals use HTTP's statuses.
    assert status in (404, 405) or HTTP_STATUSES[ERRORS_BY_REASON[reason]] == status
    return f"{status} {reason}"


async def _check_unharmed(target: Target) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        response = await client.post(f"http://{target.gateway.address}/process", json={"message": "Still there?"})
    assert response.status_code == 200
    assert target.is_unharmed()
