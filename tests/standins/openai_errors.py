"""OpenAI's answers to requests that it refuses, and its usual errors."""

from collections.abc import Mapping
from typing import Any

from tests.standins.script import Fault

WRONG_KEY = "sk-wrong"
UNKNOWN_MODEL = "no-such-model"
SHORT_CONTEXT_MODEL = "short-context"
O_SERIES = "o"
"""Models with this prefix want max_completion_tokens, and no temperature."""

RESPONSES_ALONE = "codex"
"""Models with this prefix answer only in the Responses API."""

Refusal = tuple[int, dict[str, object]]
"""The HTTP status and the body's document."""

INVALID = "invalid_request_error"
USUAL: Mapping[int, tuple[str, str | None, str]] = {
    400: (INVALID, None, "We could not parse the JSON body of your request."),
    401: (INVALID, "invalid_api_key", "Incorrect API key provided."),
    403: (INVALID, "unsupported_country_region_territory", "Country, region, or territory not supported"),
    404: (INVALID, "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached on requests per min: Limit 3, Used 3, Requested 1."),
    500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
    503: ("server_error", None, "That model is currently overloaded with other requests."),
}
"""The type, the code and the message for a status; any other status has those of 500."""
QUOTA = "insufficient_quota"
"""The code of a 429 that waiting does not fix. Its type is the same."""


def error_document(
    message: str, *, kind: str = INVALID, code: str | None = None, param: str | None = None
) -> dict[str, object]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def usual_error(fault: Fault) -> Refusal:
    """Returns the error that a fault asks for, completed with the usual values of its status."""
    status = fault.status or (429 if fault.code == QUOTA else 500)
    kind, code, message = USUAL.get(status, USUAL[500])
    if fault.code == QUOTA:
        kind, message = QUOTA, "You exceeded your current quota, please check your plan and billing details."
    return status, error_document(fault.message or message, kind=kind, code=fault.code or code)


def wrong_key(authorization: str) -> Refusal | None:
    """Refuses a missing key and WRONG_KEY; the message contains the whole key, to test that it is never passed on."""
    key = authorization.removeprefix("Bearer ")
    if not key:
        return 401, error_document("You didn't provide an API key.")
    if key == WRONG_KEY:
        return 401, error_document(f"Incorrect API key provided: {key}.", code="invalid_api_key")
    return None


def refusal(body: Mapping[str, Any]) -> Refusal | None:
    """Refuses chat completions that `model_refusal` refuses, models without chat, and options that a model lacks."""
    model: str = body["model"]
    if model.startswith(RESPONSES_ALONE):
        message = "This model is only supported in v1/responses and not in v1/chat/completions."
        return 404, error_document(message, param="model")
    if (refused := model_refusal(body)) is not None:
        return refused
    return _unsupported(body) if model.startswith(O_SERIES) else None


def model_refusal(body: Mapping[str, Any]) -> Refusal | None:
    """Refuses an unknown model, and a prompt too long for its model."""
    model: str = body["model"]
    if model == UNKNOWN_MODEL:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return 404, error_document(message, code="model_not_found")
    if model == SHORT_CONTEXT_MODEL:
        message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
        return 400, error_document(message, code="context_length_exceeded", param="messages")
    return None


def _unsupported(body: Mapping[str, Any]) -> Refusal | None:
    if body.get("max_tokens") is not None:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        return 400, error_document(message, code="unsupported_parameter", param="max_tokens")
    if body.get("temperature") is not None:
        message = "Unsupported value: 'temperature' does not support this value. Only the default (1) is supported."
        return 400, error_document(message, code="unsupported_value", param="temperature")
    return None
