"""The meaning of Bedrock's messages as people have met them, each with its code."""

import pytest

from llm_relay.errors import (
    PROMPT_TOO_LONG,
    ProviderAuth,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RelayError,
    UnknownModel,
    Unsupported,
)
from server_b.providers.bedrock.failures.errors import relay_error
from server_b.providers.bedrock.failures.failure import Failure

STATUS = {"AccessDeniedException": 403, "ResourceNotFoundException": 404, "ThrottlingException": 429}
VALIDATION = "ValidationException"
ACCESS = "AccessDeniedException"
NOT_FOUND = "ResourceNotFoundException"

ACCOUNT: list[tuple[str, str]] = [
    (VALIDATION, "Operation not allowed"),
    (VALIDATION, "Access to this model is not available for channel program accounts. Reach out to your AWS Solution"),
    (VALIDATION, "Access to Anthropic models is not allowed from unsupported countries, regions, or territories."),
    (VALIDATION, "Your account is not authorized to invoke this API operation."),
    (VALIDATION, "You don't have access to the model with the specified model ID."),
    (VALIDATION, "Your account has been temporarily suspended"),
    (VALIDATION, "anthropic.claude-opus-4-20250514-v1:0 is not available for this account. You can explore other"),
    (ACCESS, "You don't have access to the model with the specified model ID."),
    (ACCESS, "User: arn:aws:iam::123456789012:user/temperature is not authorized to perform: bedrock:InvokeModel"),
    (ACCESS, "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided."),
    (
        ACCESS,
        "Model access is denied due to IAM user is not authorized to perform the required AWS Marketplace actions",
    ),
    (
        NOT_FOUND,
        "Model use case details have not been submitted for this account. Fill out the Anthropic use case form.",
    ),
    ("UnrecognizedClientException", "The security token included in the request is invalid."),
    ("ExpiredTokenException", "The security token included in the request is expired"),
    ("InvalidSignatureException", "Signature expired: 20261126T000000Z is now earlier than 20261126T010000Z"),
    ("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."),
    ("OptInRequired", "You are not subscribed to this service"),
]
MODEL: list[tuple[str, str]] = [
    (VALIDATION, "The provided model identifier is invalid."),
    (VALIDATION, "The provided ARN is invalid for the service region."),
    (VALIDATION, "Invalid ARN"),
    (VALIDATION, "1 validation error detected: Value 'no such' at 'modelId' failed to satisfy constraint: Member must"),
    (NOT_FOUND, "Could not resolve the foundation model from the provided model identifier."),
    (NOT_FOUND, "This model version has reached the end of its life. Please refer to the AWS documentation."),
    (NOT_FOUND, "Access denied. This Model is marked by provider as Legacy and you have not been actively using it."),
    (NOT_FOUND, "The inference profile is not found."),
    (VALIDATION, "The inference profile ID is not valid for this region"),
    (VALIDATION, "Invalid inference profile ID"),
    (VALIDATION, "The model ID us.x is not supported."),
    (VALIDATION, "The inference profile x is not active"),
    (VALIDATION, "The model arn:aws:bedrock:us-east-1::foundation-model/x is not supported in us-west-2"),
    (VALIDATION, "The ARN you specified is invalid."),
]
TOO_LONG: list[str] = [
    "Input is too long for requested model.",
    "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
    "The model returned the following errors: Input is too long for requested model.",
    "Malformed input request: expected maxLength: 51200, actual: 60000, please reformat your input and try again.",
    "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
    "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
    "This model's maximum context length is 8192 tokens. Please reduce the length of the prompt",
    "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length",
    "Too many total text bytes: 30000000 > 26214400",
    "Failed to buffer the request body: length limit exceeded",
    "The input is longer than the model's maximum",
    "Total number of tokens in messages exceeds the limit",
    "The request size exceeds the limit of 20 MB",
    "Your input exceeded the maximum number of tokens.",
    "The prompt exceeds the maximum number of tokens of this model",
    "The prompt is over the length limit",
    "The input and output tokens exceed your model context limit. Specify fewer tokens and try again.",
    'The model returned the following errors: {"detail":"prompt length 9000 greater than 8192"}',
    "Your input contains 9001 tokens, which is above the limit of 8192",
]
FIELDS: list[tuple[str, str]] = [
    ("This model doesn't support system messages. Try again without system messages.", "context"),
    ("This model does not support system prompts.", "context"),
    ("This model doesn't support the system field. Remove system and try again.", "context"),
    ("Malformed input request: #: extraneous key [system] is not permitted, please reformat your input.", "context"),
    ("A conversation must start with a user message. Try again with a conversation that starts with one.", "history"),
    (
        "A conversation must alternate between user and assistant roles. Make sure the conversation alternates",
        "history",
    ),
    ('The model returned the following errors: messages: first message must use the "user" role', "history"),
    ('The model returned the following errors: messages: roles must alternate between "user" and', "history"),
    ("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant", "history"),
    ("The model returned the following errors: temperature: range: 0..1", "temperature"),
    (
        "Value '1.5' at 'inferenceConfig.temperature' failed to satisfy constraint: Member must be at most 1",
        "temperature",
    ),
    ("Malformed input request: #/temperature: 1.5 is not less or equal to 1.0", "temperature"),
    ("The maximum tokens you requested exceeds the model limit of 4096. Try again with a lower value.", "max_tokens"),
    ("max_tokens: 1000000 > 8192, which is the maximum allowed number of output tokens for claude", "max_tokens"),
    ("Invocation of model ID x with on-demand throughput isn’t supported. Retry with an inference profile.", "model"),
    (
        "This action doesn't support the model that you provided. Try again with a supported text or chat model.",
        "model",
    ),
]
UNSUPPORTED: list[tuple[str, str]] = [
    (
        "This model doesn't support the toolConfig.toolChoice.any field. Remove it and try again.",
        "options.tool_choice",
    ),
    ("This model doesn't support tool use.", "options.tools"),
    ("Tools are not supported for this model", "options.tools"),
    ("This model doesn't support the image field for user messages. Remove image and try again.", "parts"),
    ("This model doesn't support documents.", "parts"),
    ("The model returned the following errors: system.0.cache_control: Extra inputs are not permitted", "parts"),
    ("messages.0.content.0.text.cache_control.ephemeral.ttl: Extra inputs are not permitted", "parts"),
    ("messages.0.content.0.cachePoint: ttl must be 5m", "parts"),
    ("This model does not support audio", "parts"),
    ("You invoked an unsupported model or your request did not allow prompt caching.", "parts"),
    ("The service tier is not supported for this model.", "options.service_tier"),
    ("messages.7.content: Conversation blocks and tool use blocks cannot be provided in the same turn.", "history"),
]
CONTENT: list[tuple[str, str]] = [
    ("messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes", "parts"),
    ("The model returned the following errors: Could not process image", "parts"),
    ("You can't include more than 5 documents in a request.", "parts"),
    ("A maximum of 20 images can be included", "parts"),
    ("The PDF specified was password protected.", "parts"),
    ("A maximum number of 20 images is allowed", "parts"),
    ("The audio in the message exceeds the maximum length", "parts"),
    ("Video exceeds the maximum size of 25 MB", "parts"),
    ("The document file name can only contain alphanumeric characters", "parts"),
    ("The number of tools exceeds 64", "options.tools"),
    ("Output tokens exceed the limit", "max_tokens"),
    ("Tool names must be unique", "options.tools"),
    ("The number of stop sequences exceeds 4", "options.sampling.stop"),
    ("Expected toolResult blocks at messages.2.content for the following Ids: tooluse_x", "history"),
    ("messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_x.", "history"),
    ("Value 'a b' at 'messages.1.member.content.1.member.toolUse.name' failed to satisfy constraint", "history"),
    ("messages.1.content.0: Invalid `signature` in `thinking` block", "history"),
    (
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking`",
        "history",
    ),
    ("This model doesn't support the reasoningContent field. Remove reasoningContent and try again.", "history"),
    (
        "The model returned the following errors: thinking.enabled.budget_tokens: Input should be >= 1024",
        "options.thinking",
    ),
    ("output_config.format.schema: For 'object' type, 'additionalProperties' must be false", "options.response_format"),
    ("The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be object.", "options.tools"),
    (
        "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
        "options.sampling.stop",
    ),
    ("The model returned the following errors: top_p: range: 0..1", "options.sampling.top_p"),
]


def _error(code: str, message: str) -> RelayError:
    failure = Failure(status=STATUS.get(code, 400), code=code, message=message, is_own=True)
    error = relay_error(failure)
    assert message not in error.message
    assert code in error.message
    assert not error.may_have_worked
    return error


@pytest.mark.parametrize(("code", "message"), ACCOUNT)
def test_a_fault_of_the_account_is_reported_as_such(code: str, message: str) -> None:
    assert type(_error(code, message)) is ProviderAuth


@pytest.mark.parametrize(("code", "message"), MODEL)
def test_a_model_that_does_not_exist_is_unknown(code: str, message: str) -> None:
    error = _error(code, message)
    assert type(error) is UnknownModel
    assert "GET /models" in error.message


@pytest.mark.parametrize("message", TOO_LONG)
def test_a_prompt_that_is_too_long_is_reported_as_such(message: str) -> None:
    error = _error(VALIDATION, message)
    assert type(error) is ProviderRejected
    assert "prompt is too long" in error.message
    assert error.cause == PROMPT_TOO_LONG


@pytest.mark.parametrize(("message", "field"), UNSUPPORTED)
def test_an_option_that_the_model_does_not_support_is_unsupported(message: str, field: str) -> None:
    error = _error(VALIDATION, message)
    assert type(error) is Unsupported
    assert error.message.startswith(f"{field}: ")
    assert "not supported by this model of bedrock" in error.message


@pytest.mark.parametrize(("message", "field"), [*FIELDS, *CONTENT])
def test_a_field_that_the_model_refuses_is_named(message: str, field: str) -> None:
    error = _error(VALIDATION, message)
    assert type(error) is ProviderRejected
    assert error.message.startswith(f"{field}: ")
    assert [violation.field for violation in error.violations] == [field]
    assert error.violations[0].description


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Too many tokens per day, please wait before trying again.", "for this day"),
        ("Too many tokens, please wait before trying again.", "rate limit"),
        ("Too many requests, please wait before trying again.", "rate limit"),
    ],
)
def test_a_daily_limit_is_reported_as_such(message: str, told: str) -> None:
    error = _error("ThrottlingException", message)
    assert type(error) is ProviderRateLimited
    assert told in error.message
    assert error.repeat_helps is ("day" not in message)


def test_a_wrong_clock_is_reported_as_such() -> None:
    assert "clock" in _error("InvalidSignatureException", "Signature not yet current").message


@pytest.mark.parametrize(
    "message",
    [
        "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and",
        "messages: text content blocks must be non-empty",
    ],
)
def test_a_blank_text_is_reported_as_such(message: str) -> None:
    error = _error(VALIDATION, message)
    assert type(error) is ProviderRejected
    assert "a text that is blank" in error.message


def test_a_model_that_is_not_ready_is_unavailable() -> None:
    assert type(_error(VALIDATION, "Model is not ready for inference")) is ProviderUnavailable


@pytest.mark.parametrize(
    "message",
    [
        "The request is not right somehow.",
        "The metadata in the request exceeds the maximum of 16 keys",
        "The metadata value in the request is too long",
        "Unknown field: subscription_id",
    ],
)
def test_an_unknown_refusal_is_only_a_refusal(message: str) -> None:
    error = _error(VALIDATION, message)
    assert type(error) is ProviderRejected
    assert error.message == "the provider refuses this request (ValidationException)"
    assert error.violations == ()
