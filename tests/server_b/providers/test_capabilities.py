"""Each feature with each provider: supported, or refused before anything is sent, naming field and provider."""

from collections.abc import AsyncIterator, Callable

import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import (
    CachePoint,
    Document,
    Image,
    Options,
    Prompt,
    ResponseFormat,
    ResponseKind,
    Role,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from server_b.providers.base import Defaults, Provider
from server_b.providers.openai.interfaces import Api
from server_b.providers.openai.provider import OpenAIProvider
from tests.support.bedrock_provider import bedrock

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:1"
TOOL = Tool(name="f", input_schema_json='{"type": "object"}')
LOOP = (Turn(role=Role.ASSISTANT, parts=(ToolCall(id="c1", name="f", arguments_json="{}"),)),)
RESULT = ToolResult(tool_call_id="c1", content=(TextPart(text="ok"),))
PNG = Image(media_type="image/png", data=b"png")
SCHEMA = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json="{}")
NONE = ToolChoice(mode=ToolChoiceMode.NONE)
SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"


def openai(api: Api, url: str = f"{NOBODY}/v1") -> Callable[[], Provider]:
    defaults = Defaults(temperature=0.7, max_tokens=1000)
    return lambda: OpenAIProvider(api_key="sk-any", base_url=url, default_model="gpt-4o", defaults=defaults, api=api)


PROVIDERS: dict[str, Callable[[], Provider]] = {
    "chat": openai(Api.CHAT),
    "responses": openai(Api.RESPONSES),
    "vendor's chat": openai(Api.CHAT, ""),
    "vendor's responses": openai(Api.RESPONSES, ""),
    "bedrock": lambda: bedrock(NOBODY),
}
OPENAI = ("chat", "responses", "vendor's chat", "vendor's responses")
VENDORS = ("vendor's chat", "vendor's responses")
ALL = (*OPENAI, "bedrock")


def sampling(**given: object) -> Prompt:
    return Prompt(message="Hi", options=Options(sampling=Sampling(**given)))  # type: ignore[arg-type]


def prompt_of(*parts: object, **fields: object) -> Prompt:
    return Prompt(message="Hi", parts=parts, **fields)  # type: ignore[arg-type]


def prompt_with(model: str | None = None, **options: object) -> Prompt:
    return Prompt(message="Hi", model=model, options=Options(**options))  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Prompt, str, tuple[str, ...]]] = {
    # A provider that is not named here supports the feature.
    "seed": (sampling(seed=1), "options.sampling.seed", ("responses", "vendor's responses", "bedrock")),
    "stop": (sampling(stop=("x",)), "options.sampling.stop", ("responses", "vendor's responses")),
    "a penalty": (
        sampling(frequency_penalty=1.0),
        "options.sampling.frequency_penalty",
        ("responses", "vendor's responses", "bedrock"),
    ),
    "the other penalty": (
        sampling(presence_penalty=1.0),
        "options.sampling.presence_penalty",
        ("responses", "vendor's responses", "bedrock"),
    ),
    "top_p": (sampling(top_p=0.9), "", ()),
    "tokens to think": (
        prompt_with(thinking=Thinking(max_tokens=2048)),
        "options.thinking",
        ALL,
    ),
    "an effort": (prompt_with(thinking=Thinking(effort="low")), "options.thinking", (*VENDORS, "bedrock")),
    "a cache point": (prompt_of(CachePoint()), "parts[0].cache_point", OPENAI),
    "a cache point of a minute": (prompt_of(CachePoint(ttl_s=60)), "parts[0].cache_point", ALL),
    "an image": (prompt_of(PNG), "", ()),
    "an image by its URL": (
        prompt_of(Image(url="https://example.com/a.png")),
        "parts[0].image.url",
        ("chat", "responses", "bedrock"),
    ),
    "an image's detail": (
        prompt_of(Image(media_type="image/png", data=b"png", detail="high")),
        "parts[0].image.detail",
        ("bedrock",),
    ),
    "an image of another type": (
        prompt_of(Image(media_type="image/svg+xml", data=b"svg")),
        "parts[0].image.media_type",
        (*VENDORS, "bedrock"),
    ),
    "a document": (prompt_of(Document(media_type="application/pdf", name="a.pdf", data=b"pdf")), "", ()),
    "a document of text": (
        prompt_of(Document(media_type="text/plain", name="a.txt", data=b"text")),
        "parts[0].document.media_type",
        ("vendor's chat",),
    ),
    "a document by its URL": (
        prompt_of(Document(url="https://example.com/a.pdf")),
        "parts[0].document.url",
        ("chat", "responses", "vendor's chat", "bedrock"),
    ),
    "an image of a tool": (
        prompt_of(ToolResult(tool_call_id="c1", content=(PNG,)), history=LOOP),
        "parts[0].tool_result.content",
        ("chat", "vendor's chat"),
    ),
    "tools": (prompt_with(tools=(TOOL,)), "", ()),
    "no tools, by choice": (prompt_with(tools=(TOOL,), tool_choice=NONE), "", ()),
    "no tools, by choice, after calls": (
        prompt_of(RESULT, history=LOOP, options=Options(tools=(TOOL,), tool_choice=NONE)),
        "options.tool_choice.mode",
        ("bedrock",),
    ),
    "one call at a time": (prompt_with(tools=(TOOL,), tool_choice=ToolChoice(parallel=False)), "", ()),
    "JSON": (
        prompt_with(response_format=ResponseFormat(kind=ResponseKind.JSON)),
        "options.response_format.kind",
        ("bedrock",),
    ),
    "a schema": (prompt_with(response_format=SCHEMA), "", ()),
    "a service tier that only OpenAI has": (prompt_with(service_tier="auto"), "options.service_tier", ("bedrock",)),
    "an end user that AWS would not take": (prompt_with(end_user="ä"), "options.end_user", ("bedrock",)),
    "logit_bias": (
        prompt_with(provider_options={"openai": '{"logit_bias": {}}'}),
        "options.provider_options.openai.logit_bias",
        ("responses", "vendor's responses"),
    ),
}
OF_MODELS: dict[str, tuple[str, Prompt, str]] = {
    "an image to o3-mini": ("vendor's chat", prompt_of(PNG, model="o3-mini"), "parts[0].image"),
    "an image to gpt-3.5-turbo": ("vendor's responses", prompt_of(PNG, model="gpt-3.5-turbo"), "parts[0].image"),
    "a schema to gpt-4-turbo": (
        "vendor's chat",
        prompt_with("gpt-4-turbo", response_format=SCHEMA),
        "options.response_format.kind",
    ),
    "tools to o1-mini": ("vendor's chat", prompt_with("o1-mini", tools=(TOOL,)), "options.tools"),
    "stop to o3": ("vendor's chat", prompt_with("o3", sampling=Sampling(stop=("x",))), "options.sampling.stop"),
    "top_p to o4-mini": (
        "vendor's responses",
        prompt_with("o4-mini", sampling=Sampling(top_p=0.5)),
        "options.sampling.top_p",
    ),
    "an image to Nova Micro": ("bedrock", prompt_of(PNG, model="nova-micro"), "parts[0].image"),
    "an image to Llama 3.3": ("bedrock", prompt_of(PNG, model="llama"), "parts[0].image"),
    "an image to Claude 2": ("bedrock", prompt_of(PNG, model="anthropic.claude-v2:1"), "parts[0].image"),
    "an image in the history": (
        "bedrock",
        prompt_of(model="nova-micro", history=(Turn(role=Role.USER, parts=(PNG, TextPart(text="Look"))),)),
        "history[0].parts[0].image",
    ),
    "tools to Mixtral": ("bedrock", prompt_with("mixtral", tools=(TOOL,)), "options.tools"),
    "tools to DeepSeek R1": ("bedrock", prompt_with("deepseek-r1", tools=(TOOL,)), "options.tools"),
    "calls in the history to Llama 3": ("bedrock", prompt_of(RESULT, history=LOOP, model="llama-8b"), "history"),
    "one call at a time of Nova": (
        "bedrock",
        prompt_with("nova-pro", tools=(TOOL,), tool_choice=ToolChoice(parallel=False)),
        "options.tool_choice.parallel",
    ),
    "thinking by Nova": ("bedrock", prompt_with("nova-pro", thinking=Thinking(effort="low")), "options.thinking"),
    "a required tool with thinking": (
        "bedrock",
        prompt_with(
            SONNET_4,
            tools=(TOOL,),
            tool_choice=ToolChoice(mode=ToolChoiceMode.REQUIRED),
            thinking=Thinking(max_tokens=1024),
        ),
        "options.tool_choice",
    ),
}
TAKEN_BY_MODELS: dict[str, tuple[str, Prompt]] = {
    "an image to gpt-5": ("vendor's chat", prompt_of(PNG, model="gpt-5-mini")),
    "an image to an unknown model of OpenAI": ("vendor's chat", prompt_of(PNG, model="gpt-9")),
    "an image to a compatible server's o3-mini": ("chat", prompt_of(PNG, model="o3-mini")),
    "an effort to o3": ("vendor's chat", prompt_with("o3", thinking=Thinking(effort="low"))),
    "no effort to gpt-4o": ("vendor's chat", prompt_with("gpt-4o", thinking=Thinking(effort="none"))),
    "an image to Nova Lite": ("bedrock", prompt_of(PNG, model="nova-lite")),
    "an image to an unknown model": ("bedrock", prompt_of(PNG, model="new.model-v1:0")),
    "tools to an unknown model": ("bedrock", prompt_with("new.model-v1:0", tools=(TOOL,))),
    "tokens to think to Sonnet 4": ("bedrock", prompt_with(SONNET_4, thinking=Thinking(max_tokens=1024))),
}


@pytest.fixture(scope="module")
async def providers() -> AsyncIterator[dict[str, Provider]]:
    opened = {name: create() for name, create in PROVIDERS.items()}
    yield opened
    for provider in opened.values():
        await provider.close()


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("feature", REFUSED)
async def test_a_feature_is_supported_or_refused_by_name(
    providers: dict[str, Provider], feature: str, name: str
) -> None:
    prompt, field, refusing = REFUSED[feature]
    if name in refusing:
        assert_refused(providers[name], prompt, field)
    else:
        providers[name].refuse_unsupported(prompt)


def assert_refused(provider: Provider, prompt: Prompt, field: str) -> None:
    with pytest.raises(Unsupported) as refused:
        provider.refuse_unsupported(prompt)
    said = refused.value.message
    assert said.startswith(field)
    assert f": not supported by {provider.name}: " in said


@pytest.mark.parametrize("case", OF_MODELS)
async def test_a_feature_that_a_model_is_known_to_lack_is_refused(providers: dict[str, Provider], case: str) -> None:
    name, prompt, field = OF_MODELS[case]
    assert_refused(providers[name], prompt, field)


@pytest.mark.parametrize("case", TAKEN_BY_MODELS)
async def test_a_feature_that_a_model_may_support_is_not_refused(providers: dict[str, Provider], case: str) -> None:
    name, prompt = TAKEN_BY_MODELS[case]
    providers[name].refuse_unsupported(prompt)
