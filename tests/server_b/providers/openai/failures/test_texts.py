"""Errors that only their text explains, as people have met them: no code, and a status that says little."""

import orjson
import pytest

from llm_relay.errors import (
    PROMPT_TOO_LONG,
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
)
from server_b.providers.openai.failures.errors import error_of
from server_b.providers.openai.failures.failure import failure_of_document, failure_of_response

TOO_LONG = [
    "Prompt has 70000 tokens, but the configured context size is 65536 tokens",
    "Token limit exceeded for this model",
    "The prompt exceeds the length limit",
    "Tokens in request more than max tokens allowed",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
    "The total number of tokens 9001 exceeds the limit 8192",
    "Total tokens of image and text exceed max message tokens",
    "The conversation exceeds the maximum allowed tokens",
    "Maximum request length exceeded",
    "Payload too large: 9001 tokens",
    "Total message token length exceed model limit",
    "Length of prompt exceeds the maximum length of 8192",
    "Input length 877338 exceeds the maximum allowed input length of 639968 tokens",
    "prompt token count of 133215 exceeds the limit of 128000",
    "Request too large: 300000 tokens",
    "The number of input tokens 9001 is greater than the maximum 8192",
    "Message history is too long for this model",
    "Your prompt contains 9001 tokens which is above the model limit of 8192",
    "requested 9001 tokens but only 8192 are available in context",
    "The text is too long: 9001 tokens, the model accepts 8192",
    "Input with images is too long for the model: 9000 tokens exceed the limit",
    "Prompt over length limit",
    "Total tokens 9001 exceed 8192",
    "This prompt is longer than the context the model supports",
    "maximum context exceeded",
    "the max input characters is 20000",
    "输入长度超过限制",
]
FILTERED = [
    "Your prompt was blocked by our content policy",
    "The response was blocked due to safety",
    "This content was flagged for possible cybersecurity risk",
    "Request blocked by guardrail",
    "Violated guardrail policy",
    "Prompt contains prohibited content",
    "Prompt injection detected",
    "Content policy violation",
    "Unsafe prompt",
    "Content is not allowed by our policy",
    "Prompt flagged as harmful",
    "NSFW content detected",
    "Hate speech detected in prompt",
    "Prompt rejected by guardrails",
    "Blocked by Llama Guard",
    "Request blocked: PII detected",
    "您的问题包含敏感内容",
]
MODEL = [
    "This model is deprecated: x",
    "Unsupported model: x",
    "Model not supported: x",
    "No model found with name x",
    "Cannot find model x",
    "Could not find model x in registry",
    "Model x has been sunset",
    "The model `x` has been removed",
    "Model 'x' not in allowed list",
    "Requested model x is not in the list of allowed models",
    "Deployment x not found",
    "LoRA adapter x not found",
    "No provider available for model x",
    "There are no healthy deployments for this model",
    "Model x isn't loaded",
    "model x is unavailable",
    "Model x is offline",
    "Model vision-1 is offline",
    "The model `gpt-image-1` does not exist",
    "The requested model is not hosted here",
    "There is no model called x",
    "Model x could not be found",
    "Model x is not registered",
    "Wrong model name: x",
    'Model "x" is invalid',
    "model is not supported",
    "The model 'x' is not allowed",
    "Model x was discontinued",
    "模型x不存在",
]
ACCOUNT = [
    "Account balance not enough",
    "Your account does not have enough balance",
    "Your free quota has been exhausted",
    "Your subscription has expired",
    "Your trial has expired",
    "Billing account not configured",
    "Monthly budget exceeded",
    "Quota exhausted. Please upgrade your plan",
    "Your plan does not include access to this model",
    "This model is only available on paid plans",
    "Your organization must be verified to use the model",
    "Key has expired",
    "Missing Authorization header",
    "No auth credentials found",
    "IP address not allowed",
    "Access from your IP is denied",
    "Invalid token",
    "Error: invalid token.",
    "Your token has expired",
    "User not found",
    "User not found.",
    "Your account has been terminated",
    "The API key provided is wrong",
    "You must be logged in",
    "Bad credentials",
    "Authentication required",
    "Authentication credentials were not provided.",
    "Invalid x-api-key",
    "Balance exhausted",
    "Your plan has expired",
    "Please verify your phone number",
    "You do not have permission to use this model",
    "Access denied",
    "Your balance is too low",
    "Credits exhausted",
    "No remaining credits",
    "No active subscription",
    "The billing hard limit has been reached",
    "用户额度不足",
    "该令牌额度已用尽",
    "无效的令牌",
]
LIMITED = [
    "Requests exceed the rate limit",
    "The request rate exceeds the maximum",
    "Too many requests from your IP",
    "Tokens per minute limit exceeded - too many tokens processed.",
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 35000.",
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute",
    "Your account x request reached organization max RPM: 3",
    "Throttled: input tokens exceed TPM quota",
    "Resource has been exhausted (e.g. check quota).",
    "You are sending requests too quickly",
    "Too many concurrent requests",
    "Please slow down your requests",
    "Daily limit reached",
    "RPM exceeded",
    "Hourly limit exceeded",
    "Usage limit per minute reached",
    "Rate exceeded",
    "Messages exceed the limit of 10 requests per minute",
    "The prompt exceeds the limit of 10000 tokens per minute",
]
NO_ROOM = [
    "Model x is unavailable, please retry later",
    "Model x is temporarily offline",
    "The model is warming up",
    "All workers are busy",
    "Server is at full capacity",
    "The model x is under maintenance",
    "The request queue is full.",
    "Service unavailable",
    "No workers available",
    "Please try again later",
    "model requires more system memory (8.4 GiB) than is available (3.9 GiB)",
    "CUDA error: device-side assert triggered",
    "Upstream error, please try again later",
]
OTHERS = [
    "The image in the message exceeds the maximum size",
    "The image in the prompt is too large: 12 MB, max 5 MB",
    "The audio file in the message exceeds the maximum length of 30 seconds",
    "The document in the message is too large",
    "The tool description in the request exceeds the limit",
    "The message id exceeds the maximum length of 64 characters",
    "stop tokens exceed the limit of 4",
    "context_length is not a valid parameter",
    "Model x: logprobs is not available",
    "The model returned an image that was not found",
    "The model's answer was not available in the requested format",
    "Cannot use tools when the model is offline-only",
    "The word 'overloaded' is not allowed here",
    "The image URL has expired",
    "Input tensor shape exceeds limit",
    "function calling is unavailable with model x",
    "Model streaming is not supported",
    "Invalid model parameter: x",
    "Invalid model_kwargs",
    "Invalid token at position 5 in JSON",
    "invalid token id 50258 in logit_bias",
    "Invalid key 'x' in the request",
    "User message not found",
    "The tool result refers to user not found in the messages",
    "user role is disabled",
    "Access denied to file x",
    "Could not fetch the image: access denied",
    "Invalid safety setting: x",
    "The field content_filter is not allowed",
    "inappropriate content type header",
    "schema is too long",
    "Invalid 'tools': array too long. Expected an array with maximum length 128",
    "The number of stop sequences exceeds the limit of 4",
    "metadata exceeds the maximum size of 16 keys",
    "Function name exceeds the maximum length of 64",
    "messages.0.content.1.image.source: image exceeds 5 MB maximum: 9 > 5",
    "The output tokens exceed the maximum",
    "The response text exceeds the maximum size",
    "Request exceeded the maximum time limit",
    "The request exceeded the maximum number of retries",
    "Request exceeded max attempts",
    "Your requests exceeded the limit",
    "Invalid token in the JSON body",
    "Unknown parameter: 'model_kwargs'",
    "'response_format' of type 'json_schema' is not supported with this model",
    "This model does not support image inputs",
    "x does not support tools",
]
"""Refusals that have none of these meanings."""


def document(text: str) -> dict[str, object]:
    return {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}


def refused(text: str) -> RelayError:
    error = error_of(failure_of_response(400, {}, orjson.dumps(document(text))))
    assert text not in error.message
    assert not error.may_have_worked
    return error


def streamed(text: str) -> RelayError:
    return error_of(failure_of_document({"error": text}, is_first=False))


@pytest.mark.parametrize("text", TOO_LONG)
def test_a_prompt_that_is_too_long_is_reported_as_such(text: str) -> None:
    for error in (refused(text), streamed(text)):
        assert type(error) is ProviderRejected
        assert error.cause == PROMPT_TOO_LONG


@pytest.mark.parametrize("text", FILTERED)
def test_a_filter_is_reported_as_such(text: str) -> None:
    for error in (refused(text), streamed(text)):
        assert type(error) is ProviderRejected
        assert "content filter" in error.message


@pytest.mark.parametrize("text", MODEL)
def test_an_unknown_model_is_reported_as_such(text: str) -> None:
    assert type(refused(text)) is type(streamed(text)) is UnknownModel


@pytest.mark.parametrize("text", ACCOUNT)
def test_a_fault_of_the_key_or_the_account_is_reported_as_such(text: str) -> None:
    assert type(refused(text)) is type(streamed(text)) is ProviderAuth


@pytest.mark.parametrize("text", LIMITED)
def test_a_rate_limit_is_reported_as_such(text: str) -> None:
    error = error_of(failure_of_response(400, {}, orjson.dumps({"error": {"message": text}})))
    assert type(error) is type(streamed(text)) is ProviderRateLimited


@pytest.mark.parametrize("text", NO_ROOM)
def test_a_lack_of_room_is_reported_as_such(text: str) -> None:
    error = error_of(failure_of_response(400, {}, orjson.dumps({"error": {"message": text}})))
    assert type(error) is type(streamed(text)) is ProviderUnavailable


@pytest.mark.parametrize("text", OTHERS)
def test_another_refusal_is_only_a_refusal(text: str) -> None:
    error = refused(text)
    assert type(error) is ProviderRejected
    assert error.message == "the provider refuses this request (HTTP 400, invalid_request_error)"
    assert type(streamed(text)) is ProviderProtocol


@pytest.mark.parametrize("text", ["Your quota has been exhausted", "Please upgrade your plan for higher limits"])
def test_a_limit_with_its_status_is_a_limit(text: str) -> None:
    assert type(error_of(failure_of_response(429, {}, orjson.dumps(document(text))))) is ProviderRateLimited
