"""Validates every answer and event of /v1 against OpenAI's published specification. Exits with 1 if one is invalid.

python -m scripts.openai_shapes openapi.yaml
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import yaml
from jsonschema import Draft202012Validator

from server_b.providers.mock.provider import MockProvider
from tests.support.gateways import gateway
from tests.support.serving import serving

MODEL = "mock-model"
MESSAGES = [{"role": "user", "content": "Hello, how is the weather?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
TOOL = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": None}
CHAT: list[dict[str, Any]] = [
    {},
    {"tools": [CHAT_TOOL]},
    {"reasoning_effort": "low"},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}},
    {"service_tier": "flex"},
]
RESPONSES: list[dict[str, Any]] = [
    {},
    {"tools": [TOOL]},
    {"reasoning": {"effort": "low"}},
    {"text": {"format": {"type": "json_schema", "name": "city", "schema": SCHEMA}}},
    {"metadata": {"team": "a"}, "max_output_tokens": 20, "instructions": "Be kind", "service_tier": "flex"},
    {"model": f"{MODEL}?fault=cut&after=2"},
]


async def answers(client: httpx2.AsyncClient) -> AsyncIterator[tuple[str, Any]]:
    """Yields the name of each shape with a document that must match it."""
    for members in CHAT:
        body = {"model": MODEL, "messages": MESSAGES, **members}
        yield "CreateChatCompletionResponse", (await client.post("/v1/chat/completions", json=body)).json()
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        for event in _events((await client.post("/v1/chat/completions", json=streamed)).text):
            yield "CreateChatCompletionStreamResponse", event
    for members in RESPONSES:
        body = {"model": MODEL, "input": MESSAGES, **members}
        if "model" not in members:
            yield "Response", (await client.post("/v1/responses", json=body)).json()
        for event in _events((await client.post("/v1/responses", json={**body, "stream": True})).text):
            yield "ResponseStreamEvent", event
    yield "ListModelsResponse", (await client.get("/v1/models")).json()
    yield "Model", (await client.get(f"/v1/models/{MODEL}")).json()
    yield "ErrorResponse", (await client.post("/v1/chat/completions", json={})).json()


def _events(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def json_schema(value: Any) -> Any:
    """Translates an OpenAPI schema to JSON Schema: `nullable` becomes an alternative."""
    if isinstance(value, list):
        return [json_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    schema = {name: json_schema(one) for name, one in value.items() if name not in ("discriminator", "format")}
    return {"anyOf": [schema, {"type": "null"}]} if schema.pop("nullable", False) is True else schema


def allow_null_usage(schemas: dict[str, Any]) -> None:
    """Allows `usage: null` in a response, as in the specification's own examples; its schema does not allow it."""
    for part in schemas["Response"]["allOf"]:
        if "usage" in part.get("properties", {}):
            part["properties"]["usage"] = {"anyOf": [part["properties"]["usage"], {"type": "null"}]}


async def compare(schemas: dict[str, Any]) -> int:
    """Prints what does not match, and returns the number of invalid documents."""
    provider = MockProvider(delay_s=0, word_delay_s=0, faults_allowed=True)
    count = bad = 0
    async with serving(provider) as server_b, gateway(server_b.target) as client:
        async for name, document in answers(client):
            count += 1
            validator = Draft202012Validator(
                {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
            )
            for error in validator.iter_errors(document):
                bad += 1
                print(f"{name} {list(error.absolute_path)}: {error.message[:300]}")
    print(f"{count} documents, {bad} invalid")
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("specification", type=Path, help="OpenAI's openapi.yaml")
    text = parser.parse_args().specification.read_text("utf-8")
    specification = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    schemas = json_schema(specification["components"]["schemas"])
    allow_null_usage(schemas)
    return min(1, asyncio.run(compare(schemas)))


if __name__ == "__main__":
    raise SystemExit(main())
