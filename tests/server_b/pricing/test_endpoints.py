"""Which endpoint has which prices: a vendor's own endpoint has its prices, and no look-alike does."""

import sys
from decimal import Decimal

import pytest

from llm_relay.messages import Cost, Usage
from server_b.pricing.endpoints import price_lists

USAGE = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
GPT_4O = Decimal("12.5")
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


def usd(endpoint: str, model: str, provider: str = "openai") -> Decimal | None:
    return price_lists({provider: endpoint})[provider].cost(model, USAGE).usd


def test_the_mock_costs_a_known_zero() -> None:
    mock = price_lists({"mock": ""})["mock"]
    assert mock.cost("mock-model", Usage()) == Cost(usd=Decimal(0), price_source="mock")
    assert mock.bound("mock-model", input_tokens=1, output_tokens=1) == 0


@pytest.mark.parametrize(
    ("endpoint", "model", "expected"),
    [
        ("https://api.openai.com/v1", "gpt-4o", GPT_4O),
        ("https://API.OpenAI.com:443/v1/", "gpt-4o", GPT_4O),
        ("https://mine.openai.azure.com/openai/v1", "gpt-4o", GPT_4O),
        ("https://api.deepseek.com", "deepseek-chat", "known"),
        ("https://api.mistral.ai/v1", "mistral-large-latest", "known"),
        ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", "known"),
        ("https://api.x.ai/v1", "grok-4", "known"),
        ("https://api.moonshot.cn/v1", "kimi-k3", "known"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-flash", "known"),
        ("https://api.anthropic.com/v1/", "claude-sonnet-4-5", "known"),
        ("https://openrouter.ai/api/v1", "openai/gpt-4o", "known"),
        ("https://router.huggingface.co/groq/openai/v1", "gpt-4o", None),
    ],
)
def test_a_vendors_own_endpoint_has_its_prices(endpoint: str, model: str, expected: Decimal | str | None) -> None:
    found = usd(endpoint, model)
    assert (found is not None and found > 0) if expected == "known" else found == expected


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://127.0.0.1:8080/v1",
        "http://localhost:11434/v1",
        "https://llm.corp.example/v1",
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/https://api.openai.com/v1",
        "https://evil.example/x.googleapis.com/v1",
        "https://api.moonshot.evil.example/v1",
        "https://eu.api.openai.com/v1",
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "gemini-2.5-flash", "kimi-k3"])
def test_any_other_endpoint_has_none_whatever_its_models_are_called(endpoint: str, model: str) -> None:
    assert usd(endpoint, model) is None


@pytest.mark.parametrize(
    ("endpoint", "known"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", True),
        ("https://bedrock-runtime-fips.us-east-1.amazonaws.com", True),
        ("https://vpce-1-a.bedrock-runtime.us-east-1.vpce.amazonaws.com", True),
        ("https://bedrock-runtime.us-east-1.api.aws", True),
        ("http://127.0.0.1:4566", False),
        ("https://bedrock-runtime.us-east-1.amazonaws.com.evil.example", False),
    ],
)
def test_bedrock_has_aws_prices_at_aws_only(endpoint: str, known: bool) -> None:
    assert (usd(endpoint, HAIKU, "bedrock") is not None) is known


def test_a_self_hosted_server_loads_no_price_list() -> None:
    sys.modules.pop("genai_prices.data", None)
    usd("http://127.0.0.1:8080/v1", "gpt-4o")
    assert "genai_prices.data" not in sys.modules
