"""Requests to the provider leave out our defaults that it refuses, and have turns in the order that it requires."""

from typing import Any

import pytest

from tests.field.calls import WAYS
from tests.field.conftest import OPENAI
from tests.field.field import Case, Field, case, check, open_field
from tests.field.outcome import CallResult, OneOf, Says, answered, failed
from tests.field.provider import Answering, Body, Request, Steps, refusing
from tests.field.wire import GOOD, completion, error, stream, whole

pytestmark = pytest.mark.anyio

REJECTED = "PROVIDER_REJECTED"
INVALID = "invalid_request_error"
AGAIN = answered(requests=OneOf(2, 3))
"""Numbers of requests: a retry without the refused member; one more where another name was tried."""


def bad(document: object, status: int = 400) -> Steps:
    """Refuses a request."""
    return whole(document, status)


def vllm(message: str) -> dict[str, object]:
    """Makes vLLM's error document."""
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


LIMIT_REFUSED: dict[str, object] = {
    "vLLM": vllm(
        "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 512"
    ),
    "vLLM, older": vllm(
        "This model's maximum context length is 512 tokens. However, you requested 1020 tokens (20 in the messages,"
        " 1000 in the completion). Please reduce the length of the messages or completion."
    ),
    "vLLM, newer": vllm(
        "You passed 20 input tokens and requested 1000 output tokens. However, the model's context length is only 512"
        " tokens, resulting in a maximum input length of 0 tokens. Please reduce the length of the input prompt or the"
        " number of requested output tokens. (parameter=input_tokens, value=20)"
    ),
    "OpenRouter": {
        "error": {
            "message": "This endpoint's maximum context length is 512 tokens. However, you requested about 1020 tokens"
            " (20 of text input, 1000 in the output). Please reduce the length of either one.",
            "code": 400,
        }
    },
    "OpenAI": error(
        "max_tokens is too large: 1000. This model supports at most 512", INVALID, "invalid_value", param="max_tokens"
    ),
    "OpenAI's other name": error(
        "Unsupported parameter: 'max_tokens' is not supported with this model.",
        INVALID,
        "unsupported_parameter",
        param="max_tokens",
    ),
    "Groq": error("`max_tokens` must be less than or equal to `512`, the maximum value for `max_tokens`", INVALID),
    "DeepSeek": error("Invalid max_tokens value, the valid range of max_tokens is [1, 512]", INVALID, INVALID),
    "Alibaba": error("Range of max_tokens should be [1, 512]", INVALID, "invalid_parameter_error"),
    "TGI": {
        "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 512. Given: 20",
        "error_type": "validation",
    },
    "Together": error("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 512.", INVALID),
    "Zhipu": {"error": {"code": "1210", "message": "max_tokens参数非法"}},
    "SGLang": vllm(
        "Requested token count exceeds the model's maximum context length of 512 tokens. You requested a total of 1009"
        " tokens: 9 tokens from the input messages and 1000 tokens for the completion."
    ),
    "Vertex": error("a maxOutputTokens value of 1000 but the supported range is from 1 (inclusive) to 513", INVALID),
    "FastAPI": {
        "detail": [{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]
    },
}
TOGETHER_WITH_THE_PROMPT = ("vLLM, newer", "OpenRouter")
TEMPERATURE_REFUSED: dict[str, object] = {
    "OpenAI": error(
        "Unsupported value: 'temperature' does not support 0.7 with this model.",
        INVALID,
        "unsupported_value",
        param="temperature",
    ),
    "OpenAI's other text": error(
        "Unsupported parameter: 'temperature'", INVALID, "unsupported_parameter", param="temperature"
    ),
    "OpenAI's older text": error("Model incompatible request argument supplied: temperature", INVALID),
    "Moonshot": error("invalid temperature: only 1 is allowed for this model", INVALID),
    "LiteLLM": error(
        "litellm.UnsupportedParamsError: m doesn't support temperature=0.7. Only temperature=1 is supported",
        None,
        "400",
    ),
    "Zhipu": {"error": {"code": "1210", "message": "temperature参数非法"}},
    "xAI": {
        "code": "Client specified an invalid argument",
        "error": "Argument not supported on this model: temperature",
    },
    "Anthropic": error("`temperature` may only be set to 1 when thinking is enabled.", INVALID),
    "FastAPI": {
        "detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]
    },
}
OPTIONS_REFUSED: dict[str, object] = {
    "Groq": error("property 'stream_options' is unsupported, did you mean 'stream'?", INVALID),
    "OpenAI": error("Unknown parameter: 'stream_options'.", INVALID, "unknown_parameter", param="stream_options"),
    "FastAPI": {
        "detail": [
            {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}
        ]
    },
    "Mistral": {
        "object": "error",
        "message": {"detail": [{"loc": ["body", "stream_options"], "type": "extra_forbidden"}]},
        "code": None,
    },
}
STREAM_REFUSED: dict[str, object] = {
    "OpenAI": error(
        "Your organization must be verified to stream this model.", INVALID, "unsupported_value", param="stream"
    ),
    "in plain text": error("This model does not support streaming.", INVALID),
    "by its name": error("Unsupported parameter: 'stream'", INVALID, "unsupported_parameter", param="stream"),
    "FastAPI": {"detail": "Streaming is not supported"},
    "by its form": {"detail": "SSE not supported"},
}


def limit_of(body: Body) -> object:
    """Returns the requested limit of output tokens, whatever its name."""
    return body.get("max_tokens") or body.get("max_completion_tokens")


def refusing_limit(document: object) -> Answering:
    """Refuses any limit of output tokens."""
    return lambda request: bad(document) if limit_of(request.body) else stream(GOOD)


def either(request: Request) -> Steps:
    """Answers with a stream unless the request has `"stream": false`."""
    return whole(completion()) if request.body.get("stream") is False else stream(GOOD)


WORD = {"temperature": "temperature", "max_tokens": "max_?(completion_)?tokens"}
ROLES: dict[str, Steps] = {
    "vLLM": bad(vllm("Conversation roles must alternate user/assistant/user/assistant/...")),
    "Mistral on vLLM": bad(
        vllm("After the optional system message, conversation roles must alternate user and assistant roles")
    ),
    "llama.cpp": bad(
        {
            "error": {
                "code": 500,
                "message": "Conversation roles must alternate user/assistant/...",
                "type": "server_error",
            }
        },
        500,
    ),
    "Mistral": bad(
        {
            "object": "error",
            "message": "Expected last role User or Tool (or Assistant with prefix True)",
            "code": "3230",
        }
    ),
}
HISTORY = [{"role": "assistant", "text": "Welcome."}, {"role": "user", "text": "Well?"}]

CASES: dict[str, Case] = {
    **{f"our limit: {name}": case(refusing_limit(document), AGAIN) for name, document in LIMIT_REFUSED.items()},
    **{
        f"our temperature: {name}": case(refusing("temperature", bad(document), stream(GOOD)), AGAIN)
        for name, document in TEMPERATURE_REFUSED.items()
    },
    **{
        f"the caller's limit: {name}": case(
            bad(document), failed(REJECTED, message=Says(WORD["max_tokens"]), requests=OneOf(1, 2)), max_tokens=1000
        )
        for name, document in LIMIT_REFUSED.items()
        if name not in ("vLLM, older", "TGI", "Together", *TOGETHER_WITH_THE_PROMPT)
    },
    **{
        f"the caller's limit and prompt together: {name}": case(
            bad(LIMIT_REFUSED[name]), failed(REJECTED, message=Says("too long"), requests=1), max_tokens=1000
        )
        for name in TOGETHER_WITH_THE_PROMPT
    },
    **{
        f"the caller's temperature: {name}": case(
            bad(document), failed(REJECTED, message=Says(WORD["temperature"])), temperature=0.3
        )
        for name, document in TEMPERATURE_REFUSED.items()
    },
    **{
        f"the count of a stream: {name}": case(refusing("stream_options", bad(document), stream(GOOD)), AGAIN)
        for name, document in OPTIONS_REFUSED.items()
    },
    **{
        f"a stream: {name}": case(refusing("stream", bad(document), whole(completion())), AGAIN)
        for name, document in STREAM_REFUSED.items()
    },
    "our temperature and our limit": case(
        lambda request: (
            bad(TEMPERATURE_REFUSED["Moonshot"])
            if "temperature" in request.body
            else bad(LIMIT_REFUSED["OpenAI"])
            if limit_of(request.body)
            else stream(GOOD)
        ),
        answered(requests=OneOf(3, 4)),
    ),
    "our limit, and a prompt that is too long anyway": case(
        bad(LIMIT_REFUSED["vLLM, older"]), failed(REJECTED, message=Says("too long"), requests=OneOf(2, 3))
    ),
    "a server that streams unless it is told not to": case(either, answered()),
    "a server that refuses unknown members": case(
        lambda request: (
            stream(GOOD)
            if request.body.keys() <= {"model", "messages", "stream", "temperature", "max_tokens", "stream_options"}
            else bad(error("unknown parameter", INVALID))
        ),
        answered(),
    ),
    **{
        f"a history that does not alternate: {name}": case(
            steps, failed(REJECTED, message=Says("history"), requests=1), history=HISTORY
        )
        for name, steps in ROLES.items()
    },
    "a system message that the template does not accept later": case(
        bad(vllm("System message must be at the beginning.")),
        failed(REJECTED, message=Says("history")),
        history=[{"role": "user", "text": "Well?"}, {"role": "system", "text": "Be brief."}],
    ),
    "a system prompt that the template does not accept": case(
        bad(vllm("System role not supported")), failed(REJECTED, message=Says("context")), context="Be brief."
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_refused_is_left_out_unless_the_caller_asked_for_it(
    name: str, results: dict[str, list[CallResult]]
) -> None:
    check(CASES[name], results[name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("member", "document"),
    [
        ("temperature", TEMPERATURE_REFUSED["Moonshot"]),
        ("max_tokens", LIMIT_REFUSED["vLLM"]),
        ("stream_options", OPTIONS_REFUSED["Groq"]),
    ],
)
async def test_what_was_refused_is_remembered(openai: Field, way: str, member: str, document: object) -> None:
    model = f"remembered-{member}-{way}"
    openai.provider.scripts[model] = (
        refusing_limit(document) if member == "max_tokens" else refusing(member, bad(document), stream(GOOD))
    )
    for _ in range(2):
        assert (await openai.call(way, {"message": "Hi", "model": model})).facts["text"] == "Hello"
    before = len(openai.provider.requests[model])
    await openai.call(way, {"message": "Hi", "model": model})
    assert len(openai.provider.requests[model]) == before + 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_callers_own_value_is_sent_though_our_default_was_refused(openai: Field, way: str) -> None:
    model = f"own-{way}"
    openai.provider.scripts[model] = lambda request: (
        bad(TEMPERATURE_REFUSED["Moonshot"]) if request.body.get("temperature") not in (None, 1) else stream(GOOD)
    )
    await openai.call(way, {"message": "Hi", "model": model})
    result = await openai.call(way, {"message": "Hi", "model": model, "temperature": 1})
    assert result.facts["text"] == "Hello"
    assert openai.provider.requests[model][-1].body["temperature"] == 1


TURNS: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "alternating": ([("user", "a"), ("assistant", "b")], [("user", "a"), ("assistant", "b"), ("user", "Hi")]),
    "the user twice": (
        [("user", "a"), ("user", "b"), ("assistant", "c")],
        [("user", "a\n\nb"), ("assistant", "c"), ("user", "Hi")],
    ),
    "the assistant twice": (
        [("user", "a"), ("assistant", "b"), ("assistant", "c")],
        [("user", "a"), ("assistant", "b\n\nc"), ("user", "Hi")],
    ),
    "the user before the message": ([("user", "a")], [("user", "a\n\nHi")]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TURNS)
async def test_neighbouring_turns_of_one_role_are_sent_as_one_message(openai: Field, way: str, name: str) -> None:
    model, (given, asked) = f"turns-{name}-{way}", TURNS[name]
    openai.provider.scripts[model] = (stream(GOOD),)
    history: list[dict[str, Any]] = [{"role": role, "text": said} for role, said in given]
    await openai.call(way, {"message": "Hi", "model": model, "context": "Be brief.", "history": history})
    system, *messages = openai.provider.requests[model][-1].body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    assert [message["role"] for message in messages] == [role for role, _ in asked]
    for message, (_, said) in zip(messages, asked, strict=True):
        assert [part for part in said.split("\n\n") if part not in _text(message["content"])] == []


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@pytest.mark.parametrize("way", WAYS)
async def test_the_provider_is_asked_for_a_stream_with_usage(openai: Field, way: str) -> None:
    model = f"asked-{way}"
    openai.provider.scripts[model] = (stream(GOOD),)
    await openai.call(way, {"message": "Hi", "model": model})
    body = openai.provider.requests[model][-1].body
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_cannot_stream_is_asked_for_a_whole_answer(openai: Field, way: str) -> None:
    model = f"unstreamed-{way}"
    openai.provider.scripts[model] = lambda request: (
        whole(completion()) if request.body.get("stream") is False else bad(STREAM_REFUSED["by its name"])
    )
    for _ in range(2):
        assert (await openai.call(way, {"message": "Hi", "model": model})).facts["text"] == "Hello"
    assert [request.body["stream"] for request in openai.provider.requests[model]] == [True, False, False]


MODEL_LISTS: dict[str, tuple[Steps, bool]] = {
    "OpenAI": (whole({"object": "list", "data": [{"id": "a"}, {"id": "b", "object": "model"}]}), True),
    "Together": (whole([{"id": "a", "type": "chat"}, {"id": "b"}]), True),
    "Ollama": (whole({"models": [{"name": "a", "model": "a"}, {"name": "b"}]}), True),
    "Ollama and OpenAI at once": (
        whole({"models": [{"name": "a"}], "object": "list", "data": [{"id": "a"}, {"id": "b"}]}),
        True,
    ),
    "Gemini": (whole({"data": [{"id": "models/a"}, {"id": "models/b"}]}), False),
    "texts": (whole({"data": ["a", "b"]}), True),
    "texts in a list": (whole(["a", "b"]), True),
    "null": (whole({"object": "list", "data": None}), False),
    "empty": (whole({"object": "list", "data": []}), False),
    "an empty list": (whole([]), False),
    "404": (whole({"detail": "Not Found"}, 404), False),
    "405": (whole({"detail": "Method Not Allowed"}, 405), False),
    "501": (whole(b"", 501), False),
    "an invalid entry among them": (whole({"data": [{"id": "a"}, {"id": None}, 5, {"id": "b"}]}), True),
}


@pytest.mark.parametrize("name", MODEL_LISTS)
async def test_models_are_listed_in_any_form(name: str) -> None:
    steps, listed = MODEL_LISTS[name]
    async with open_field(**OPENAI) as opened:  # a list may be cached for a while
        opened.provider.scripts["/v1/models"] = (steps,)
        document = (await opened.http.get("/models")).json()
    assert document["default"] == "gpt-4o"
    assert "gpt-4o" in document["models"]
    if listed:
        assert {"a", "b"} <= set(document["models"])
    elif name != "Gemini":
        assert document["models"] == ["gpt-4o"]
