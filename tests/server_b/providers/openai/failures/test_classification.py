"""Failures in the forms and texts of many vendors: each has its class, before a stream and within one."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Case:
    """A body, the statuses that it comes with (none: within a good answer too), and its meaning."""

    body: object
    statuses: tuple[int, ...]
    error: type[RelayError]
    says: str = ""
    wait_s: float | None = None
    in_stream: bool = True


def openai(message: str, kind: str | None = None, code: object = None, param: str | None = None) -> object:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def google(code: int, status: str, message: str, *details: object) -> object:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"}
QUOTA = "You exceeded your current quota, please check your plan and billing details."

LIMITED = {
    "OpenAI": Case(
        openai("Rate limit reached ... Please try again in 1.2s.", "tokens", "rate_limit_exceeded"),
        (429,),
        ProviderRateLimited,
        wait_s=1.2,
    ),
    "LiteLLM": Case(openai("x", None, "429"), (429,), ProviderRateLimited),
    "a number": Case({"error": {"message": "x", "code": 429}}, (429,), ProviderRateLimited),
    "status_code": Case({"error": {"message": "x", "status_code": 429}}, (429,), ProviderRateLimited),
    "Google": Case(
        [google(429, "RESOURCE_EXHAUSTED", QUOTA, RETRY)], (429,), ProviderRateLimited, wait_s=53, in_stream=False
    ),
    "Google without the array": Case(
        google(429, "RESOURCE_EXHAUSTED", QUOTA, RETRY), (429,), ProviderRateLimited, wait_s=53
    ),
    "Google without RetryInfo": Case(
        google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        (429,),
        ProviderRateLimited,
    ),
    "Google within another's": Case(
        openai(orjson.dumps(google(429, "RESOURCE_EXHAUSTED", QUOTA, RETRY)).decode(), None, 429),
        (429,),
        ProviderRateLimited,
        wait_s=53,
    ),
    "Azure": Case(
        openai("... have exceeded call rate limit ... Please retry after 6 seconds.", None, "429"),
        (429,),
        ProviderRateLimited,
        wait_s=6,
    ),
    "Mistral": Case(
        {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited", "code": "1300"},
        (429,),
        ProviderRateLimited,
    ),
    "Anthropic": Case(
        {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}, (429,), ProviderRateLimited
    ),
    "OpenRouter": Case(
        {"error": {"code": 429, "message": "x", "metadata": {"headers": {"X-RateLimit-Reset": "12"}}}},
        (429,),
        ProviderRateLimited,
        wait_s=12,
    ),
    "Alibaba": Case(
        openai(f"{QUOTA} https://help.aliyun.com/error-code#token-limit", "insufficient_quota", "insufficient_quota"),
        (429,),
        ProviderRateLimited,
    ),
    "Zhipu": Case(openai("x", None, "1302"), (429,), ProviderRateLimited),
    "AWS": Case(
        {"__type": "com.amazon.coral.service#ThrottlingException", "message": "x"}, (400, 429), ProviderRateLimited
    ),
    "Databricks": Case({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "x"}, (429,), ProviderRateLimited),
    "only words": Case({"error": "Rate limit reached"}, (429,), ProviderRateLimited),
    "NIM": Case({"status": 429, "title": "Too Many Requests"}, (429,), ProviderRateLimited, in_stream=False),
    "nothing": Case(None, (429,), ProviderRateLimited, in_stream=False),
}
UNAVAILABLE = {
    "OpenAI": Case(openai("x", "server_error", None), (500, 502, 503), ProviderUnavailable),
    "overloaded": Case(openai("x", "server_error", "engine_overloaded"), (429, 503), ProviderUnavailable, "overloaded"),
    "Groq": Case(openai("x", None, "capacity_exceeded"), (498,), ProviderUnavailable, "overloaded"),
    "Groq's status": Case(None, (498,), ProviderUnavailable, in_stream=False),
    "Anthropic": Case(
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, (529,), ProviderUnavailable
    ),
    "a status as text": Case(openai("x", None, "500"), (500,), ProviderUnavailable),
    "OpenRouter": Case({"error": {"code": 502, "message": "Provider returned error"}}, (502,), ProviderUnavailable),
    "llama.cpp loads": Case(
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, (503,), ProviderUnavailable
    ),
    "Mistral": Case(
        {"object": "error", "message": "x", "type": "service_tier_capacity_exceeded", "code": "3505"},
        (429,),
        ProviderUnavailable,
    ),
    "Google": Case(
        [google(503, "UNAVAILABLE", "The model is overloaded.")], (503,), ProviderUnavailable, in_stream=False
    ),
    "Hugging Face": Case(
        {"error": "Model too busy, unable to get response in less than 60 second(s)"}, (503,), ProviderUnavailable
    ),
    "DeepSeek": Case(openai("x", None, "insufficient_system_resource"), (503,), ProviderUnavailable),
    "a proxy": Case("<html>502 Bad Gateway</html>", (502, 503, 504, 520, 524), ProviderUnavailable, in_stream=False),
    "no word for it": Case(None, (408, 409, 425, 499, 500, 504, 599), ProviderUnavailable, in_stream=False),
}
ACCOUNT = {
    "OpenAI, quota": Case(openai(QUOTA, "insufficient_quota", "insufficient_quota"), (429,), ProviderAuth, "credit"),
    "OpenAI, billing": Case(openai("x", None, "billing_not_active"), (429,), ProviderAuth, "credit"),
    "OpenAI, key": Case(
        openai("Incorrect API key provided: sk-x", "invalid_request_error", "invalid_api_key"), (401,), ProviderAuth
    ),
    "Zhipu": Case({"error": {"code": "1113", "message": "x"}}, (429,), ProviderAuth, "credit"),
    "Zhipu in words": Case({"error": {"message": "余额不足或无可用资源包,请充值。"}}, (429,), ProviderAuth),
    "Zhipu, key": Case({"error": {"code": "1002", "message": "x"}}, (401,), ProviderAuth),
    "one-api": Case(openai("x", "one_api_error", "insufficient_user_quota"), (403, 429), ProviderAuth, "credit"),
    "Google, prepaid": Case(
        google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), (429,), ProviderAuth, "credit"
    ),
    "Moonshot": Case(openai("x", "exceeded_current_quota_error"), (429,), ProviderAuth, "credit"),
    "Google": Case(
        [google(400, "INVALID_ARGUMENT", "API key not valid.", BAD_KEY)], (400,), ProviderAuth, in_stream=False
    ),
    "Google without the array": Case(google(400, "INVALID_ARGUMENT", "x", BAD_KEY), (400,), ProviderAuth),
    "xAI": Case(
        {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***."},
        (400,),
        ProviderAuth,
    ),
    "xAI, credits": Case(
        {"code": "Some resource has been exhausted", "error": "Your team has either used all available credits or ..."},
        (429,),
        ProviderAuth,
    ),
    "Anthropic": Case(
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to ..."},
        },
        (400,),
        ProviderAuth,
        "credit",
    ),
    "DeepSeek": Case(
        openai("Insufficient Balance", "unknown_error", "invalid_request_error"), (402,), ProviderAuth, "credit"
    ),
    "LiteLLM": Case(
        openai("Budget has been exceeded! Current cost: 1", "budget_exceeded", "400"), (400,), ProviderAuth
    ),
    "Alibaba": Case({"code": "Arrearage", "message": "Access denied"}, (400,), ProviderAuth, "credit"),
    "MiniMax": Case({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, (400,), ProviderAuth),
    "AWS": Case({"__type": "AccessDeniedException", "Message": "x"}, (400, 403), ProviderAuth),
    "FastAPI": Case({"detail": "Not authenticated"}, (401, 403), ProviderAuth, in_stream=False),
    "Mistral": Case({"message": "Unauthorized", "request_id": "x"}, (401,), ProviderAuth, in_stream=False),
    "Tencent": Case({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}, (400,), ProviderAuth),
    "iFlytek": Case(openai("AppIdNoAuthError:(the appid is not authorized)", "api_error", "11200"), (), ProviderAuth),
    "a proxy": Case("<html>Sign in</html>", (401, 403), ProviderAuth, in_stream=False),
    "no word for it": Case(None, (401, 402, 403), ProviderAuth, in_stream=False),
}
MODEL = {
    "OpenAI": Case(openai("x", "invalid_request_error", "model_not_found"), (400, 403, 404), UnknownModel),
    "Azure": Case(openai("x", None, "DeploymentNotFound"), (404,), UnknownModel),
    "vLLM": Case(
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        (404,),
        UnknownModel,
    ),
    "LiteLLM": Case(
        openai("/chat/completions: Invalid model name passed in model=nope", "invalid_request_error", "400"),
        (400,),
        UnknownModel,
    ),
    "transformers": Case({"detail": "Server is pinned to 'a'; requested 'b'."}, (400,), UnknownModel),
    "Mistral": Case(
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
        (400,),
        UnknownModel,
    ),
    "OpenRouter": Case({"error": {"message": "x is not a valid model ID", "code": 400}}, (400,), UnknownModel),
    "Ollama": Case(openai('model "x" not found, try pulling it first', "api_error"), (404,), UnknownModel),
    "Cohere": Case({"id": "x", "message": "model 'x' not found, make sure ..."}, (404,), UnknownModel, in_stream=False),
    "Together": Case(
        openai("Unable to access model x.", "invalid_request_error", "model_not_available"), (400,), UnknownModel
    ),
    "Zhipu": Case(openai("x", None, "1211"), (400,), UnknownModel),
    "AWS": Case({"message": "The provided model identifier is invalid."}, (400,), UnknownModel, in_stream=False),
    "Google": Case(google(404, "NOT_FOUND", "models/x is not found for API version v1main"), (404,), UnknownModel),
    "one-api": Case(
        openai("No available channel for model x", "new_api_error", "model_not_found"), (503,), UnknownModel
    ),
    "gone": Case({"status": 410, "title": "Gone", "detail": "x"}, (410,), UnknownModel, in_stream=False),
    "no word for it": Case(None, (404,), UnknownModel, "OPENAI_BASE_URL", in_stream=False),
}
REQUEST = {
    "OpenAI": Case(openai("x", "invalid_request_error"), (400,), ProviderRejected),
    "a status within": Case({"error": {"type": "invalid_request_error", "status_code": 400}}, (400,), ProviderRejected),
    "vLLM": Case({"object": "error", "type": "BadRequestError", "message": "x", "code": 400}, (400,), ProviderRejected),
    "a status as text": Case(openai("x", None, "400"), (400,), ProviderRejected),
    "FastAPI": Case(
        {"detail": [{"type": "missing", "loc": ["body", "x"], "msg": "Field required"}]},
        (422,),
        ProviderRejected,
        in_stream=False,
    ),
    "not implemented": Case(openai("x", "not_supported_error", 501), (501,), ProviderRejected),
    "a message of the request, repeated": Case(
        {
            "error": {"message": "x", "type": "invalid_request_error"},
            "received": [{"role": "user", "content": "rate limit exceeded"}],
        },
        (400,),
        ProviderRejected,
    ),
    "no word for it": Case(None, (400, 405, 418, 422, 451), ProviderRejected, in_stream=False),
}
TOO_LONG = {
    "OpenAI": Case(
        openai(
            "This model's maximum context length is 8192 tokens.", "invalid_request_error", "context_length_exceeded"
        ),
        (400,),
        ProviderRejected,
        "too long",
    ),
    "llama.cpp": Case(
        {"error": {"code": 400, "message": "x", "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}},
        (400,),
        ProviderRejected,
        "too long",
    ),
    "vLLM": Case(
        {"object": "error", "message": "This model's maximum context length is 512 tokens. However, ...", "code": 400},
        (400,),
        ProviderRejected,
        "too long",
    ),
    "LiteLLM": Case(
        openai("litellm.ContextWindowExceededError: litellm.BadRequestError: x", None, "400"),
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Anthropic": Case(
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
        },
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Google": Case(
        google(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."),
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Mistral": Case(
        {
            "object": "error",
            "message": "Prompt contains 9 tokens and 0 draft tokens, too large for model with 8 maximum ...",
        },
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Cohere": Case(
        {"message": "too many tokens: total number of tokens in the prompt cannot exceed 8"},
        (400,),
        ProviderRejected,
        "too long",
        in_stream=False,
    ),
    "TGI": Case(
        {"error": "`inputs` must have less than 8 tokens. Given: 9", "error_type": "validation"},
        (422,),
        ProviderRejected,
        "too long",
    ),
    "llama-cpp-python": Case(
        openai("Requested tokens (9) exceed context window of 8"), (400, 500), ProviderRejected, "too long"
    ),
    "Groq": Case(
        openai("Request too large for model", "tokens", "rate_limit_exceeded"),
        (413,),
        ProviderRejected,
        "too long",
        in_stream=False,
    ),
    "xAI": Case(
        {"code": "x", "error": "This model's maximum prompt length is 8 but the request contains 9 tokens."},
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Alibaba": Case(
        openai("Range of input length should be [1, 8]", None, "invalid_parameter_error"),
        (400,),
        ProviderRejected,
        "too long",
    ),
    "LM Studio": Case(
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length"},
        (400,),
        ProviderRejected,
        "too long",
    ),
    "Moonshot": Case(
        openai("Invalid request: Your request exceeded model token limit: 8192", "invalid_request_error"),
        (400,),
        ProviderRejected,
        "too long",
    ),
    "a word that is not listed": Case(
        openai("x", "invalid_request_error", "prompt_tokens_exceeded"), (400,), ProviderRejected, "too long"
    ),
    "a proxy": Case("<html>Request Entity Too Large</html>", (413,), ProviderRejected, "too long", in_stream=False),
}
OTHER_REQUESTS = {
    "Azure's filter": Case(
        {
            "error": {
                "message": "The response was filtered ...",
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            }
        },
        (400,),
        ProviderRejected,
        "content filter",
    ),
    "StepFun's filter": Case(openai("x", "censorship_blocked"), (451,), ProviderRejected, "content filter"),
    "a filter by law": Case(openai("Content blocked for safety"), (451,), ProviderRejected, "content filter"),
    "Zhipu's filter": Case(openai("x", None, "1301"), (400,), ProviderRejected, "content filter"),
    "OpenRouter's moderation": Case(
        {"error": {"code": 403, "message": "x requires moderation on y. Your input was flagged for z."}},
        (403,),
        ProviderRejected,
        "content filter",
    ),
    "turns of one role": Case(
        openai("Conversation roles must alternate user/assistant/user/assistant/...", "BadRequestError", 400),
        (400, 500),
        ProviderRejected,
        "history: ",
    ),
    "Mistral's turns": Case(
        {"object": "error", "message": "x", "type": "invalid_request_message_order", "code": "3230"},
        (400,),
        ProviderRejected,
        "history: ",
    ),
    "no system prompts": Case(
        openai("System role not supported", "BadRequestError", 400), (400, 500), ProviderRejected, "context: "
    ),
}
PROTOCOL = {
    "a redirect": Case(None, (301, 302, 307, 308), ProviderProtocol, "OPENAI_BASE_URL", in_stream=False),
    "an unknown word": Case(openai("x", "unheard_of"), (), ProviderProtocol),
    "only words": Case({"error": "something broke"}, (), ProviderProtocol),
    "a truth value": Case({"error": True}, (), ProviderProtocol),
    "a number that is no status": Case(openai("x", None, 50001), (), ProviderProtocol),
}
TABLES = {
    "limited": LIMITED,
    "unavailable": UNAVAILABLE,
    "account": ACCOUNT,
    "model": MODEL,
    "request": REQUEST,
    "too long": TOO_LONG,
    "other requests": OTHER_REQUESTS,
    "protocol": PROTOCOL,
}
CASES = {f"{table}: {name}": case for table, cases in TABLES.items() for name, case in cases.items()}


def as_bytes(body: object) -> bytes:
    return b"" if body is None else body.encode() if isinstance(body, str) else orjson.dumps(body)


def assert_means(error: RelayError, case: Case) -> None:
    assert type(error) is case.error
    assert case.says in error.message
    assert error.retry_after_s == case.wait_s


@pytest.mark.parametrize("name", CASES)
def test_a_failure_has_its_class_by_status_and_body(name: str) -> None:
    case = CASES[name]
    for status in case.statuses:
        assert_means(error_of(failure_of_response(status, {}, as_bytes(case.body))), case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.in_stream])
def test_a_failure_within_a_stream_has_the_same_class(name: str) -> None:
    case = CASES[name]
    for is_first in (True, False):
        assert_means(error_of(failure_of_document(case.body, is_first=is_first)), case)


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_prompt_that_is_too_long_is_the_cause(name: str) -> None:
    case = TOO_LONG[name]
    for status in case.statuses:
        assert error_of(failure_of_response(status, {}, as_bytes(case.body))).cause == PROMPT_TOO_LONG


def test_an_errors_code_is_reported_rather_than_its_type() -> None:
    failure = failure_of_response(400, {}, as_bytes(openai("x", "invalid_request_error", "model_not_found")))
    assert error_of(failure).message.endswith("(HTTP 400, model_not_found)")


@pytest.mark.parametrize("word", ["sk-abc", "Incorrect API key", "a" * 65, 401.5, None, "DeploymentNotFound"])
def test_an_error_code_with_unusual_characters_is_not_passed_on(word: object) -> None:
    error = error_of(failure_of_response(418, {}, as_bytes(openai("x", code=word))))
    assert error.message.endswith("(HTTP 418)")


def test_a_document_of_any_size_and_depth_is_read_within_limits() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = {"error": [deep]}
    wide = {"error": {f"member {number}": "x" * 100 for number in range(10_000)}, "detail": deep}
    assert type(error_of(failure_of_response(400, {}, as_bytes(wide)))) is ProviderRejected
