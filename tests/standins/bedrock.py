"""Bedrock's Converse and ConverseStream, and its list of foundation models, on one port."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from tests.standins import eventstream
from tests.standins.answer import Answer, Event, streamed, to_json, whole
from tests.standins.bedrock_blocks import block_events, call_blocks, call_events, reasoning_blocks
from tests.standins.exchange import Received
from tests.standins.script import Fault, FaultKind, Script, Usage
from tests.standins.server import StandIn

MODELS = (
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "anthropic.claude-3-haiku-20240307-v1:0",
    "amazon.nova-lite-v1:0",
)
WRONG_KEY_ID = "AKIAWRONG"
"""The access key id that is refused with UnrecognizedClientException."""
EXPIRED_TOKEN = "expired"
"""The session token that is refused with ExpiredTokenException."""

HEADERS = {"x-amzn-requestid": "3f1c2a5e-0000-4000-8000-000000000000"}
CONVERSE = re.compile(r"/model/(?P<model>[^/]+)/converse(?P<stream>-stream)?")
PROFILE = re.compile(r"/inference-profiles/(?P<profile>[^/]+)")

STATUS = {
    "ThrottlingException": 429,
    "AccessDeniedException": 403,
    "ValidationException": 400,
    "ResourceNotFoundException": 404,
    "ServiceUnavailableException": 503,
    "InternalServerException": 500,
    "ModelTimeoutException": 408,
    "ModelNotReadyException": 429,
    "ModelErrorException": 424,
    "ModelStreamErrorException": 424,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnknownOperationException": 404,
}
"""The service's exceptions and their statuses; for a bare status, the first one with it is used."""

REFUSED_MODELS = {
    "no-such-model": ("ValidationException", "The provided model identifier is invalid."),
    "gone-model": ("ResourceNotFoundException", "This model version has reached the end of its life."),
    "no-access": ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "short-context": ("ValidationException", "Input is too long for requested model."),
}
"""Models that are refused whatever the script says."""
WHOLE_ONLY_MODELS = {
    "whole-only": ("ValidationException", "The model is unsupported for streaming."),
    "no-stream-permission": (
        "AccessDeniedException",
        "User: x is not authorized to perform: bedrock:InvokeModelWithResponseStream on resource: y",
    ),
}
"""Models that give only whole answers, and how a stream request for them is refused."""
PROFILES = {
    "us.anthropic.claude-3-haiku-20240307-v1:0": "anthropic.claude-3-haiku-20240307-v1:0",
    "eu.amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0",
    "ab12cd34ef56": "anthropic.claude-3-haiku-20240307-v1:0",
}
"""The models of the inference profiles; the last profile belongs to an account."""


class BedrockStandIn(StandIn):
    """Refuses some credentials and models as Bedrock does; the script answers everything else."""

    streams = True
    """Whether a stream request gets a stream, or a whole answer as some gateways send."""
    profiles = Script()
    """The pace and the fault of requests for inference profiles."""

    def answer(self, received: Received) -> Answer:
        """Checks the credentials, then answers by method and path."""
        refused = _wrong_credentials(received.headers)
        if refused is not None:
            return refused
        path = received.path.partition("?")[0]
        converse = CONVERSE.fullmatch(path)
        if received.method == "POST" and converse:
            return self._converse(unquote(converse["model"]), stream=bool(converse["stream"]))
        if received.method == "GET" and path == "/foundation-models":
            return _whole(self.next_script(), {"modelSummaries": [_summary(model) for model in MODELS]})
        if received.method == "GET" and path == "/inference-profiles":
            return _whole(self.profiles, {"inferenceProfileSummaries": [_profile(profile) for profile in PROFILES]})
        if received.method == "GET" and (named := PROFILE.fullmatch(path)):
            return self._profile(unquote(named["profile"]))
        return _error("UnknownOperationException", "The operation is not known.")

    def _converse(self, model: str, *, stream: bool) -> Answer:
        if model in REFUSED_MODELS:
            return _error(*REFUSED_MODELS[model])
        if stream and model in WHOLE_ONLY_MODELS:
            return _error(*WHOLE_ONLY_MODELS[model])
        script = self.next_script(model)
        if not stream or not self.streams or script.fails(FaultKind.STATUS):
            return _whole(script, _message(script), words=len(script.spoken))
        return _streamed(script)

    def _profile(self, name: str) -> Answer:
        profile = name.rpartition("/")[2]
        if profile not in PROFILES:
            return _error("ResourceNotFoundException", "The inference profile is not found.")
        return _whole(self.profiles, _profile(profile))


def _wrong_credentials(headers: Mapping[str, str]) -> Answer | None:
    authorization = headers.get("authorization", "")
    if "Credential=" not in authorization:
        return _error("MissingAuthenticationTokenException", "Missing Authentication Token")
    if f"Credential={WRONG_KEY_ID}/" in authorization:
        message = "The security token included in the request is invalid."
        return _error("UnrecognizedClientException", message)
    if headers.get("x-amz-security-token") == EXPIRED_TOKEN:
        return _error("ExpiredTokenException", "The security token included in the request is expired")
    return None


def _error(name: str, message: str, *, script: Script | None = None) -> Answer:
    """Answers with one of the service's exceptions; a scripted fault adds its own status and headers."""
    fault = script.fault if script else None
    status = (fault.status if fault else None) or STATUS.get(name, 400)
    headers = {**HEADERS, "x-amzn-ErrorType": name, **(fault.headers if fault else {})}
    return whole(script or Script(), {"message": message}, status=status, headers=headers)


def _whole(script: Script, document: object, *, words: int = 0) -> Answer:
    fault = script.fault
    if fault is None or not script.fails(FaultKind.STATUS, FaultKind.ERROR_EVENT):
        return whole(script, document, words=words, headers=HEADERS)
    usual = next((name for name, status in STATUS.items() if status == fault.status), "InternalServerException")
    name = fault.code or usual
    return _error(name[0].upper() + name[1:], fault.message or "The request could not be served.", script=script)


def _message(script: Script) -> dict[str, object]:
    said = [{"text": "".join(script.spoken)}] if script.spoken else []
    content = [*script.blocks, *reasoning_blocks(script), *said, *call_blocks(script)]
    stop = {} if _unended(script) else {"stopReason": _stop_reason(script)}
    return {"output": {"message": {"role": "assistant", "content": content}}, **stop, **_metadata(script.usage)}


def _streamed(script: Script) -> Answer:
    events = tuple(_events(script))
    content_type = eventstream.CONTENT_TYPE
    return streamed(script, events, _frame, error=_exception(script.fault), content_type=content_type, headers=HEADERS)


def _events(script: Script) -> Iterator[Event]:
    """Yields the start, the words, the block's stop; then the message's stop and the metadata, if the stream ends."""
    if script.opening:
        yield Event({"role": "assistant", "p": "abcd"}, name="messageStart")
    before = (*script.blocks, *reasoning_blocks(script))
    for index, block in enumerate(before):
        yield from block_events(index, block)
    index = len(before)
    for word in script.spoken:
        yield Event({"contentBlockIndex": index, "delta": {"text": word}, "p": "abcd"}, 1, "contentBlockDelta")
    if script.spoken or not (index or script.calls):
        yield Event({"contentBlockIndex": index, "p": "abcd"}, name="contentBlockStop")
        index += 1
    for number, call in enumerate(script.calls):
        yield from call_events(index + number, call)
    if _unended(script):
        return
    yield Event({"stopReason": _stop_reason(script), "p": "abcd"}, name="messageStop")
    if script.usage is not None and not script.fails(FaultKind.HANG_AFTER_END, FaultKind.CUT_AFTER_END):
        yield Event({**_metadata(script.usage), "p": "abcd"}, name="metadata")


def _exception(fault: Fault | None) -> Event:
    """Returns the exception that ends a stream; a model's own error includes the model's message."""
    name = (fault and fault.code) or "modelStreamErrorException"
    message = (fault and fault.message) or "The model could not go on."
    original = {"originalStatusCode": 500, "originalMessage": message} if name == "modelStreamErrorException" else {}
    return Event({"message": message, **original}, name=name)


def _unended(script: Script) -> bool:
    return script.fails(FaultKind.NO_END, FaultKind.DONE_WITHOUT_FINISH)


def _stop_reason(script: Script) -> str:
    calls = script.calls or any("toolUse" in block for block in script.blocks)
    return script.finish or ("tool_use" if calls else "end_turn")


def _metadata(usage: Usage | None) -> dict[str, object]:
    metrics = {"metrics": {"latencyMs": 1}}
    if usage is None:
        return {**metrics}
    cache = {"cacheReadInputTokens": usage.cache_read_tokens, "cacheWriteInputTokens": usage.cache_write_tokens}
    known = {name: tokens for name, tokens in cache.items() if tokens is not None}
    counts = {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens, **known}
    return {"usage": {**counts, "totalTokens": sum(counts.values())}, **metrics}


def _summary(model: str) -> dict[str, object]:
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model}",
        "modelId": model,
        "modelName": model.partition(".")[2],
        "providerName": model.partition(".")[0],
        "inputModalities": ["TEXT"] if "haiku" in model else ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _profile(profile: str) -> dict[str, object]:
    kind = "inference-profile" if "." in profile else "application-inference-profile"
    regions = ("us-east-1", "us-west-2")
    return {
        "inferenceProfileName": profile,
        "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:123456789012:{kind}/{profile}",
        "inferenceProfileId": profile,
        "models": [
            {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{PROFILES[profile]}"} for region in regions
        ],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED" if "." in profile else "APPLICATION",
    }


def _frame(event: Event, spoiled: FaultKind | None) -> bytes:
    kind = "exception" if event.name.endswith("Exception") else "event"
    headers = {f":{kind}-type": event.name, ":content-type": "application/json", ":message-type": kind}
    frame = eventstream.message(headers, to_json(event.document, malformed=spoiled is FaultKind.MALFORMED_JSON))
    if spoiled is FaultKind.MALFORMED:
        return eventstream.spoiled(frame, eventstream.MESSAGE_CRC_AT)
    if spoiled is FaultKind.MALFORMED_FRAME:
        return eventstream.spoiled(frame, eventstream.PRELUDE_CRC_AT)
    return frame
