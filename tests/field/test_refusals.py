"""Refusals before an answer, classified by the status, the envelope, and the code as number or text."""

import pytest

from tests.field.field import Case, case, check
from tests.field.outcome import CallResult, OneOf, Says, answered, failed
from tests.field.provider import Steps
from tests.field.wire import GOOD, completion, error, head, stream, whole

pytestmark = pytest.mark.anyio

AUTH, MODEL, REJECTED = "PROVIDER_AUTH", "UNKNOWN_MODEL", "PROVIDER_REJECTED"
LIMITED, UNAVAILABLE, PROTOCOL = "PROVIDER_RATE_LIMITED", "PROVIDER_UNAVAILABLE", "PROVIDER_PROTOCOL"
INVALID = "invalid_request_error"
PAGE = b"<html><head><title>Bad gateway</title></head><body><h1>502</h1><hr>nginx</body></html>"


def once(reason: str, status: int, document: object, **facts: object) -> Case:
    """Makes a case of a refusal that is not retried; the provider has not worked."""
    return case(whole(document, status), failed(reason, may_have_worked=False, **facts))


def repeated(reason: str, status: int, document: object, *lines: str) -> Case:
    """Makes a case of a refusal that is retried, three requests in all; the provider has not worked."""
    return case(whole(document, status, lines=lines), failed(reason, requests=3, may_have_worked=False))


def maybe(reason: str, status: int, document: object, content_type: str = "application/json") -> Case:
    """Makes a case of a failure that is not retried, because the provider may have worked."""
    return case(whole(document, status, content_type), failed(reason, may_have_worked=True))


def too_long(document: object, status: int = 400) -> Case:
    """Makes a case of a prompt that is too long, which the caller is told."""
    return once(REJECTED, status, document, message=Says("too long"))


def vllm(message: str, kind: str = "BadRequestError", code: object = 400) -> dict[str, object]:
    """Makes vLLM's older error document."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def google(code: int, status: str, message: str = "x", *details: object) -> dict[str, object]:
    """Makes Google's error document."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}

KEY_AND_ACCOUNT = {
    "401": once(AUTH, 401, error("Incorrect API key", INVALID, "invalid_api_key")),
    "401 without a body": once(AUTH, 401, b""),
    "401 as an HTML page": once(AUTH, 401, b"<html>Unauthorized</html>"),
    "402": once(AUTH, 402, error("Insufficient Balance", "unknown_error", INVALID)),
    "403": once(AUTH, 403, error("Country, region, or territory not supported", "request_forbidden")),
    "OpenAI's quota": once(
        AUTH, 429, error("You exceeded your current quota", "insufficient_quota", "insufficient_quota")
    ),
    "OpenAI's quota, only by its type": once(AUTH, 429, error("You exceeded your current quota", "insufficient_quota")),
    "OpenAI's billing": once(
        AUTH, 429, error("Your account is not active", "billing_not_active", "billing_not_active")
    ),
    "OpenAI's hard limit": once(
        AUTH, 400, error("Billing hard limit has been reached", INVALID, "billing_hard_limit_reached")
    ),
    "OpenAI's deactivated account": once(AUTH, 401, error("deactivated", INVALID, "account_deactivated")),
    "Zhipu's empty account": once(AUTH, 429, {"error": {"code": "1113", "message": "账户已欠费"}}),
    "Zhipu's empty account, code as number": once(
        AUTH, 429, {"error": {"code": 1113, "message": "Insufficient balance"}}
    ),
    "Zhipu's locked account": once(AUTH, 429, {"error": {"code": "1112", "message": "locked"}}),
    "Moonshot's empty account": once(AUTH, 429, error("Your account is suspended", "exceeded_current_quota_error")),
    "one-api's empty account": once(AUTH, 403, error("额度不足", "new_api_error", "insufficient_user_quota")),
    "one-api's empty account as 429": once(AUTH, 429, error("quota", "one_api_error", "insufficient_user_quota")),
    "Alibaba's overdue account": once(AUTH, 400, error("Access denied, good standing", "Arrearage", "Arrearage")),
    "Anthropic's empty account": once(
        AUTH, 400, error("Your credit balance is too low to access the Anthropic API.", INVALID)
    ),
    "xAI's wrong key": once(
        AUTH, 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***ey."}
    ),
    "xAI's empty account": once(AUTH, 403, {"code": "The caller lacks permission", "error": "no credits"}),
    "xAI's spent credits": once(
        AUTH,
        429,
        {
            "code": "x",
            "error": "Your team has either used all available credits or reached its monthly spending limit.",
        },
    ),
    "Groq's restricted account": once(
        AUTH, 400, error("Organization has been restricted.", INVALID, "organization_restricted")
    ),
    "Google's wrong key": once(AUTH, 400, google(400, "INVALID_ARGUMENT", "API key not valid", BAD_KEY)),
    "Google's wrong key in a list": once(AUTH, 400, [google(400, "INVALID_ARGUMENT", "API key not valid", BAD_KEY)]),
    "Google's permission": once(AUTH, 403, [google(403, "PERMISSION_DENIED")]),
    "Google's disabled billing": once(
        AUTH, 429, google(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to AI Studio")
    ),
    "DeepSeek's empty account": once(AUTH, 402, error("Insufficient Balance", "unknown_error", INVALID)),
    "SiliconFlow's empty account": once(AUTH, 403, {"code": 30001, "message": "account balance is insufficient"}),
    "LiteLLM's wrong key": once(AUTH, 401, error("Authentication Error", "auth_error", "401")),
    "MiniMax's empty account, as 200": case(
        whole({"id": "x", "choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
        failed(AUTH, may_have_worked=False),
    ),
}

OF_THE_ACCOUNT: dict[str, tuple[int, object]] = {
    "Anthropic's usage limit": (400, error("You have reached your specified API usage limits.", INVALID)),
    "Anthropic's disabled organization": (400, error("This organization has been disabled.", INVALID)),
    "Anthropic's spend limit": (400, error("This workspace has reached its spend limit.", INVALID)),
    "Groq's spend limit": (400, error("API access has been blocked", INVALID, "blocked_api_access")),
    "Together's credit limit": (429, error("Credit limit exceeded", "credit_limit", "credit_limit_exceeded")),
    "Google's location": (400, [google(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")]),
    "Google's free tier": (
        400,
        [google(400, "FAILED_PRECONDITION", "The free tier is not available in your country. Please enable billing")],
    ),
    "Novita's empty account": (400, {"code": 400, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance"}),
    "an account that needs a top-up": (400, {"error": {"message": "Insufficient account balance, please top up"}}),
    "OpenRouter's key limit": (403, {"error": {"message": "Key limit exceeded (total limit)", "code": 403}}),
    "Cloudflare's key": (400, {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}),
    "Volcengine's overdue account": (403, {"error": {"code": "AccountOverdueError", "message": "overdue balance"}}),
    "watsonx's quota": (403, {"errors": [{"code": "token_quota_reached", "message": "x"}], "status_code": 403}),
    "OpenAI's project": (400, error("OpenAI-Project header should match project", INVALID, "mismatched_project")),
    "Cerebras's key": (400, {"message": "Wrong API Key", "type": INVALID, "param": "api_key", "code": "wrong_api_key"}),
    "xAI's blocked key": (
        400,
        {"code": "Client specified an invalid argument", "error": "API key is currently blocked"},
    ),
    "a single word": (400, {"error": {"message": "Unauthorized"}}),
    "a gateway's code": (400, {"error": {"code": "unauthenticated", "message": "x"}}),
    "a region": (400, {"error": {"message": "Your region is not supported"}}),
    "an unpaid invoice": (400, {"error": {"message": "Your account has an unpaid invoice. Please pay it."}}),
    "a failed payment": (429, {"error": {"message": "Your last payment failed. Please update your payment method."}}),
    "a monthly quota": (429, {"error": {"message": "You have exceeded your monthly quota. Upgrade your plan."}}),
    "Cohere's trial": (429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."}),
    "a gateway's 500": (500, error("OpenAIException - Incorrect API key provided: sk-x", None, "500")),
    "a gateway's 502": (502, error("You exceeded your current quota; insufficient balance")),
    "MiniMax's key, as 200": (200, {"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}),
    "Baidu's token, as 200": (200, {"error_code": 110, "error_msg": "Access token invalid or no longer valid"}),
}
KEY_AND_ACCOUNT |= {name: once(AUTH, *refusal) for name, refusal in OF_THE_ACCOUNT.items()}

MODELS = {
    "Vertex": once(MODEL, 400, [google(400, "INVALID_ARGUMENT", "Malformed publisher model: x")]),
    "MiniMax": once(
        MODEL, 400, error("invalid params, unknown model 'x' (2013)", "bad_request_error", http_code="400")
    ),
    "LM Studio": once(MODEL, 400, {"error": "No models loaded. Please load a model in the developer page"}),
    "SiliconFlow, disabled": once(MODEL, 403, {"code": 30003, "message": "Model disabled.", "data": None}),
    "Cloudflare": once(MODEL, 400, {"errors": [{"message": "AiError: No such model @cf/foo", "code": 5007}]}),
    "Hugging Face": once(MODEL, 400, error("The model 'x' is not supported", INVALID, "model_not_supported")),
    "OpenAI": once(MODEL, 404, error("The model `x` does not exist", INVALID, "model_not_found")),
    "vLLM": once(MODEL, 404, vllm("The model `x` does not exist.", "NotFoundError", 404)),
    "vLLM, newer": once(MODEL, 404, {"error": vllm("The model `x` does not exist.", "NotFoundError", 404)}),
    "LiteLLM": once(
        MODEL,
        400,
        error("/chat/completions: Invalid model name passed in model=nope. Call `/v1/models`", INVALID, "400"),
    ),
    "transformers": once(MODEL, 400, {"detail": "Server is pinned to 'a'; requested 'b'."}),
    "OpenRouter": once(MODEL, 400, {"error": {"message": "foo/bar is not a valid model ID", "code": 400}}),
    "OpenRouter, none left": once(MODEL, 404, {"error": {"message": "No endpoints found for foo/bar.", "code": 404}}),
    "Mistral": once(
        MODEL, 400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}
    ),
    "Ollama": once(MODEL, 404, error('model "x" not found, try pulling it first', "api_error")),
    "DeepSeek": once(MODEL, 400, error("Model Not Exist", INVALID, INVALID)),
    "Together": once(MODEL, 404, error("Unable to access model x.", INVALID, "model_not_available")),
    "Fireworks": once(MODEL, 404, {"error": {"object": "error", "code": "NOT_FOUND", "message": "Model not found"}}),
    "Gemini": once(MODEL, 404, [google(404, "NOT_FOUND", "models/x is not found for API version v1main")]),
    "xAI": once(
        MODEL, 404, {"code": "Some requested entity was not found", "error": "The model x does not exist or your team"}
    ),
    "SiliconFlow": once(
        MODEL, 400, {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None}
    ),
    "Moonshot": once(MODEL, 404, error("Not found the model x or Permission denied", "resource_not_found_error")),
    "Azure": once(
        MODEL, 404, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}
    ),
    "Zhipu": once(MODEL, 400, {"error": {"code": "1211", "message": "模型不存在"}}),
    "Groq": once(
        MODEL, 404, error("The model `x` does not exist or you do not have access", INVALID, "model_not_found")
    ),
    "Groq, retired": once(MODEL, 400, error("The model `x` has been decommissioned", INVALID, "model_decommissioned")),
    "Alibaba": once(MODEL, 404, error("The model `x` does not exist", INVALID, "model_not_found")),
    "Anthropic": once(MODEL, 404, error("model: x", "not_found_error", "not_found_error")),
}

TOO_LONG = {
    "OpenAI": too_long(
        error("This model's maximum context length is 8192 tokens.", INVALID, "context_length_exceeded")
    ),
    "OpenAI, newer": too_long(
        error("Your input exceeds the context window of this model.", INVALID, "context_length_exceeded")
    ),
    "llama.cpp": too_long(
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9001,
                "n_ctx": 4096,
            }
        }
    ),
    "llama.cpp, by its text": too_long(
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing it",
                "type": "x",
            }
        }
    ),
    "vLLM": too_long(
        vllm("This model's maximum context length is 512 tokens. However, your request has 9001 input tokens.")
    ),
    "vLLM, newer": too_long({"error": vllm("Input length (9001) exceeds model's maximum context length (512).")}),
    "vLLM, longer": too_long(vllm("The decoder prompt (length 9001) is longer than the maximum model length of 512.")),
    "LiteLLM": too_long(error("litellm.ContextWindowExceededError: litellm.BadRequestError: x", None, "400")),
    "OpenRouter": too_long(
        {
            "error": {
                "message": "This endpoint's maximum context length is 8192 tokens. However, you requested 9001",
                "code": 400,
            }
        }
    ),
    "Anthropic": too_long(error("prompt is too long: 213462 tokens > 200000 maximum", INVALID)),
    "Gemini": too_long(
        [
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
            )
        ]
    ),
    "xAI": too_long(
        {"code": "x", "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}
    ),
    "Groq": too_long(
        error("Please reduce the length of the messages or completion.", INVALID, "context_length_exceeded"), 400
    ),
    "Mistral": too_long(
        vllm(
            "Prompt contains 33000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            INVALID,
            "3051",
        )
    ),
    "Together": too_long(
        error("The input (300 tokens) is longer than the model's context length (200 tokens).", INVALID)
    ),
    "Moonshot": too_long(error("Invalid request: Your request exceeded model token limit: 8192", INVALID)),
    "Zhipu": too_long({"error": {"code": "1261", "message": "Prompt 超长"}}),
    "MiniMax": too_long(error("invalid params, context window exceeds limit", "bad_request_error")),
    "Alibaba": too_long(error("Range of input length should be [1, 30000]", INVALID, "invalid_parameter_error")),
    "LM Studio": too_long(
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length"}
    ),
    "LM Studio, older": too_long(
        {"error": "Trying to keep the first 15857 tokens, but the model has a context length of only 4096 tokens"}
    ),
    "Ollama": too_long(error("prompt too long; exceeded max context length by 4 tokens", "api_error")),
    "TGI": too_long(
        {
            "error": "Input validation error: `inputs` must have less than 4095 tokens. Given: 9001",
            "error_type": "validation",
        },
        422,
    ),
    "SGLang": too_long(vllm("The input (9001 tokens) is longer than the model's context length (512 tokens).")),
    "LMDeploy": too_long(vllm("input token length (9001) is too long, session_len 8192")),
    "MLC": too_long(vllm("Request prompt has 9001 tokens in total, larger than the model input length limit 4096.")),
    "TabbyAPI": too_long({"detail": "Prompt length 9001 is greater than max_seq_len 4096"}),
    "SambaNova": too_long(
        error("prompt is 9001 tokens long, but the maximum supported sequence length is just 8192!", INVALID)
    ),
    "watsonx": too_long(
        {"errors": [{"code": "invalid_input_argument", "message": "the number of input tokens 9 cannot exceed 8"}]}
    ),
    "a sequence": too_long(error("Input token length exceeds the model's max sequence length 8192", INVALID)),
    "Volcengine": too_long({"error": {"code": "OutofContextError", "message": "x", "type": "BadRequest"}}),
    "llama.cpp's batch": too_long(
        error("input (9001 tokens) is too large to process. increase the physical batch size", "server_error", 500), 500
    ),
    "a problem document": too_long({"type": "about:blank", "title": "Bad Request", "detail": "Prompt is too long"}),
    "413": once(REJECTED, 413, error("Request too large for model", "tokens", "request_too_large")),
}

REQUESTS = {
    "400": once(REJECTED, 400, error("Bad", INVALID)),
    "400 without a body": once(REJECTED, 400, b""),
    "400 with plain text": once(REJECTED, 400, b"bad request"),
    "422 of FastAPI": once(
        REJECTED, 422, {"detail": [{"loc": ["body", "x"], "msg": "field required", "type": "missing"}]}
    ),
    "Azure's filter": once(
        REJECTED, 400, error("The response was filtered", None, "content_filter", status=400, innererror={"code": "x"})
    ),
    "a function that is named for a limit": once(
        REJECTED, 400, error("Invalid schema for function 'get_rate_limit': schema must be an object", INVALID)
    ),
    "a member that is named for a limit": once(
        REJECTED, 422, {"detail": [{"loc": ["body", "throttle"], "msg": "extra fields not permitted"}]}
    ),
    "a member that is named for a lack of capacity": once(
        REJECTED, 400, error("Invalid value for 'overloaded': must be a string", INVALID)
    ),
    "a member of the request that is named for safety": once(
        REJECTED, 400, error('Unknown name "safety_settings": Cannot find field.'), message=Says("^(?!.*filter)")
    ),
    "Zhipu's filter": once(REJECTED, 400, {"error": {"code": "1301", "message": "敏感内容"}, "contentFilter": []}),
    **{
        f"a filter: {said}": once(REJECTED, status, {"error": {"message": said}}, message=Says("filter"))
        for status, said in (
            (400, "Content Exists Risk"),
            (400, "The request was rejected because it was considered high risk"),
            (400, "Your request was rejected as a result of our safety system."),
            (400, "The prompt contains sensitive words"),
            (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"),
            (403, "Your request was flagged by our moderation system"),
        )
    },
    **{
        f"turns: {said}": once(REJECTED, 400, error(said, INVALID), message=Says("history"))
        for said in (
            "deepseek-reasoner does not support successive user or assistant messages",
            "user or tool message(s) should alternate with assistant message(s).",
        )
    },
    "405": case(whole({"detail": "Method Not Allowed"}, 405), failed(OneOf(REJECTED, PROTOCOL), requests=OneOf(1, 2))),
}

LIMITS = {
    "429": repeated(LIMITED, 429, error("Rate limit reached", "requests", "rate_limit_exceeded")),
    "429 of LiteLLM": repeated(LIMITED, 429, error("x", None, "429")),
    "429 with Azure's text": repeated(LIMITED, 429, {"error": {"code": "429", "message": "Requests have exceeded"}}),
    "429 with a message": repeated(LIMITED, 429, {"message": "API rate limit exceeded", "request_id": "x"}),
    "429 with a detail": repeated(LIMITED, 429, {"detail": "Rate limit exceeded"}),
    "429 with the error as text": repeated(LIMITED, 429, {"error": "Too many requests"}),
    "429 of Google": repeated(LIMITED, 429, [google(429, "RESOURCE_EXHAUSTED", "Resource exhausted")]),
    "429 of Zhipu": repeated(LIMITED, 429, {"error": {"code": "1302", "message": "并发数过高"}}),
    "429 of Anthropic": repeated(
        LIMITED, 429, {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}
    ),
    "429 for tokens per minute": repeated(
        LIMITED,
        429,
        error("Request too large for gpt-4o: Limit 30000, Requested 35000", "tokens", "rate_limit_exceeded"),
    ),
    "403 of Google": repeated(LIMITED, 403, error("Rate Limit Exceeded", errors=[{"reason": "rateLimitExceeded"}])),
    "400 with plain text": repeated(LIMITED, 400, {"error": {"message": "Rate limit exceeded, please slow down"}}),
    "500 of a gateway": repeated(
        LIMITED, 500, error("RateLimitError: OpenAIException - Rate limit reached", None, 500)
    ),
    "429 without a body": case(whole(b"", 429), failed(LIMITED, requests=OneOf(1, 3))),
    "429 as an HTML page": case(whole(PAGE, 429, "text/html"), failed(LIMITED, requests=OneOf(1, 3))),
    "429, then an answer": case((whole(error("x"), 429), stream(GOOD)), answered(requests=2)),
    "429, then a whole answer": case((whole(error("x"), 429), whole(completion())), answered(requests=2)),
    "429 that should not be retried": case(
        whole(error("x", None, "rate_limit_exceeded"), 429, lines=["x-should-retry: false"]), failed(LIMITED)
    ),
}

SERVICE = {
    "500": repeated(UNAVAILABLE, 500, error("The server had an error", "server_error")),
    "500 of FastAPI": repeated(UNAVAILABLE, 500, {"detail": "Internal Server Error"}),
    "500 of vLLM": repeated(UNAVAILABLE, 500, vllm("EngineCore encountered an issue", "InternalServerError", 500)),
    "502 of LiteLLM": repeated(UNAVAILABLE, 502, error("x", None, "502")),
    "503": repeated(UNAVAILABLE, 503, error("That model is currently overloaded", "server_error")),
    "503 of llama.cpp": repeated(
        UNAVAILABLE, 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    ),
    "503 of TGI": repeated(UNAVAILABLE, 503, {"error": "Model is overloaded", "error_type": "overloaded"}),
    "503 of Google": repeated(UNAVAILABLE, 503, [google(503, "UNAVAILABLE", "The model is overloaded.")]),
    "529 of Anthropic": repeated(
        UNAVAILABLE, 529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    ),
    "498 of Groq": repeated(
        UNAVAILABLE, 498, error("Flex tier capacity exceeded", "capacity_exceeded", "capacity_exceeded")
    ),
    "498, then an answer": case((whole(error("x", "capacity_exceeded"), 498), stream(GOOD)), answered(requests=2)),
    "503, then an answer": case((whole(error("x"), 503), stream(GOOD)), answered(requests=2)),
    "503 that should not be retried": case(
        whole(error("x"), 503, lines=["x-should-retry: false"]), failed(UNAVAILABLE)
    ),
    "424 of TGI": maybe(UNAVAILABLE, 424, {"error": "Request failed during generation", "error_type": "generation"}),
    "400 of NVIDIA for a model that is not ready": repeated(
        UNAVAILABLE,
        400,
        {"status": 400, "title": "Bad Request", "detail": "Function id 'x': DEGRADED function cannot be invoked"},
    ),
    "400 for a lack of capacity": repeated(UNAVAILABLE, 400, {"error": {"message": "The model is at capacity"}}),
    "500 of Mistral, with the number of another vendor's": repeated(
        UNAVAILABLE,
        500,
        {"object": "error", "message": "Internal server error", "type": "internal_server_error", "code": "1000"},
    ),
    "400 for a crash": maybe(UNAVAILABLE, 400, {"error": "The model has crashed without additional information."}),
    "400 for lack of memory": maybe(UNAVAILABLE, 400, {"error": "CUDA out of memory. Tried to allocate 2.00 GiB"}),
    "400 for a model that does not load": maybe(UNAVAILABLE, 400, error("Failed to load model 'x'.", INVALID)),
    "500 with plain text": maybe(UNAVAILABLE, 500, b"Internal Server Error", "text/plain"),
    "500 without a body": maybe(UNAVAILABLE, 500, b""),
    "502 as an HTML page": maybe(UNAVAILABLE, 502, PAGE, "text/html"),
    "503 as an HTML page": maybe(UNAVAILABLE, 503, PAGE, "text/html"),
    "504": maybe(UNAVAILABLE, 504, error("Gateway timeout", None, "504")),
    "504 as an HTML page": maybe(UNAVAILABLE, 504, PAGE, "text/html"),
    "408": maybe(UNAVAILABLE, 408, error("Request timed out", "timeout")),
    "409": maybe(UNAVAILABLE, 409, error("Conflict", "conflict")),
    "520 of Cloudflare": maybe(UNAVAILABLE, 520, PAGE, "text/html"),
    "524 of Cloudflare": maybe(UNAVAILABLE, 524, b"error code: 524", "text/plain"),
    "524 with JSON": maybe(UNAVAILABLE, 524, error("timeout")),
}


def bare(status: int, *lines: str, body: bytes = b"") -> Steps:
    """Answers with a status and no body."""
    return (head(status, "", f"Content-Length: {len(body)}", *lines) + body,)


STATUSES = {
    "204": case((head(204),), failed(PROTOCOL)),
    "201 with an answer": case(whole(completion(), 201), answered()),
    "301": case(bare(301, "Location: /v2"), failed(PROTOCOL)),
    "307": case(bare(307, "Location: /elsewhere"), failed(PROTOCOL)),
    "308 to another host": case(bare(308, "Location: https://example.com/v1"), failed(PROTOCOL)),
    "404 with plain text": case(whole(b"404 page not found", 404, "text/plain"), failed(OneOf(MODEL, PROTOCOL))),
    "418": case(whole(error("I'm a teapot"), 418), failed(REJECTED)),
    "599": case(whole(error("x"), 599), failed(UNAVAILABLE)),
    "600": case(whole(error("x"), 600), failed(PROTOCOL)),
    "100 before the answer": case((b"HTTP/1.1 100 Continue\r\n\r\n", *stream(GOOD)), answered()),
    "103 before the answer": case(
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n", *stream(GOOD)), answered()
    ),
}

CASES: dict[str, Case] = {
    f"{kind}: {name}": one
    for kind, table in {
        "account": KEY_AND_ACCOUNT,
        "model": MODELS,
        "length": TOO_LONG,
        "request": REQUESTS,
        "limit": LIMITS,
        "service": SERVICE,
        "status": STATUSES,
    }.items()
    for name, one in table.items()
}


@pytest.mark.parametrize("name", CASES)
async def test_a_refusal_is_classified(name: str, results: dict[str, list[CallResult]]) -> None:
    check(CASES[name], results[name])
