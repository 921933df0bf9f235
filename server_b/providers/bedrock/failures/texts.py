"""The meanings of AWS's messages, because codes say too little: ValidationException is used for almost everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

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
from server_b.providers.bedrock.failures.failure import Failure

PROFILE = "{profile}"
"""Placeholder in a text for the id of the model's inference profile."""


class Meaning(NamedTuple):
    """The RelayError for a failure."""

    error: type[RelayError]
    text: str = ""
    """Message of the error; empty: the default of its class."""
    field: str = ""
    """The refused field of the request; the text begins with it."""
    repeat_helps: bool = True
    cause: str = ""
    """The error's `cause`, if it has one."""


class MessageMeaning(NamedTuple):
    """A pattern of a message, and its meaning."""

    pattern: re.Pattern[str]
    meaning: Meaning


def _when(pattern: str, error: type[RelayError], text: str = "", field: str = "", *, cause: str = "") -> MessageMeaning:
    full_text = f"{field}: {text}" if field else text
    return MessageMeaning(re.compile(pattern, re.IGNORECASE), Meaning(error, full_text, field, cause=cause))


_NO_ACCESS = "this AWS account may not use the model: open its access in Bedrock's console, or ask AWS support"
_TOO_LONG = "the prompt is too long for the model: shorten it or its history"

_OF_ACCOUNTS = _when(
    r"operation not allowed|unsupported countries|channel program|marketplace|payment_?\s?instrument|use case details"
    r"|not (been )?subscribed|subscription\b|agreement|not authorized|access (is |was )?denied|security token"
    r"|not available for this account"
    r"|(don['’]t|do not|does not|doesn['’]t) have access|not (been )?(granted|enabled)|not allowed to (use|invoke)"
    r"|account (is |has been |was )?(\w+ ){0,2}(suspended|blocked|disabled|closed|restricted|on hold|verified)",
    ProviderAuth,
    _NO_ACCESS,
)
_OF_MODELS = (
    _when(
        r"on-demand throughput|inference profile that contains",
        ProviderRejected,
        f"Bedrock serves this model only through an inference profile; use the profile's id, such as {PROFILE}",
        "model",
    ),
    _when(
        r"doesn['’]t support the model|supported text or chat model|not support (the )?converse",
        ProviderRejected,
        "this model cannot hold a conversation; use a text or chat model",
        "model",
    ),
    _when(
        r"model identifier|model (id|arn) .*(invalid|not (found|exist|valid|supported))"
        r"|\barn\b.{0,20} is (invalid|not valid)|invalid (arn|inference profile)|(region|account) in (the )?arn"
        r"|model (id )?((is|are|was) not|is ?n['’]t) (supported|available) in (this|the|your)\b"
        r"|model (id )?\S+ is not (supported|available) in [a-z]{2}(-[a-z]+)+-\d"
        r"|model (is |was )?not found|model does(n['’]t| not) exist|could not resolve the foundation model"
        r"|inference profile.*(not (found|exist|valid|active)|invalid)|end of (its|their) life|'modelId' failed",
        UnknownModel,
    ),
)
_NOT_SUPPORTED = "not supported by this model of bedrock"
_OF_CONTENT = (
    _when(r"toolChoice|tool_choice", Unsupported, f"{_NOT_SUPPORTED}; leave it out", "options.tool_choice"),
    _when(
        r"conversation blocks and tool (use|result) blocks",
        Unsupported,
        f"text together with tool calls or results in one turn is {_NOT_SUPPORTED}",
        "history",
    ),
    _when(
        r"support (the )?(image|document|video|audio)|prompt caching|cache_?control|cache_?point",
        Unsupported,
        f"a kind of part is {_NOT_SUPPORTED}; leave out images, documents or cache points",
        "parts",
    ),
    _when(
        r"\b(images?|audio|videos?)\b.*(exceed|too (large|big)|could not|invalid|not valid|dimension|format)"
        r"|process (the )?image"
        r"|\bdocuments?\b.*(exceed|too (large|big)|invalid|not valid|format|pages)|process (the )?document"
        r"|(more than|maximum (number )?of) \d+ (images|documents|videos)|document (file )?name|\bpdf\b",
        ProviderRejected,
        "the model refuses an image or a document: it is damaged, too large, too many, or not what its media type says",
        "parts",
    ),
    _when(
        r"signature.*thinking|expected `?(thinking|redacted_thinking)|start with a thinking block|reasoningContent"
        r"|thinking.*blocks? .*(modified|changed)",
        ProviderRejected,
        "the model refuses its reasoning in the history: send all of it back unchanged, or leave out thinking",
        "history",
    ),
    _when(r"thinking|budget_?tokens|\beffort\b", ProviderRejected, "the model refuses this", "options.thinking"),
    _when(
        r"outputConfig|output_config|textFormat|structured output|json_?schema",
        ProviderRejected,
        "the model accepts no schema, or not this one",
        "options.response_format",
    ),
    _when(r"service_?\s?tier", Unsupported, _NOT_SUPPORTED, "options.service_tier"),
    _when(
        r"support tool use|support the toolConfig|\btool( use is|s are) not supported",
        Unsupported,
        _NOT_SUPPORTED,
        "options.tools",
    ),
    _when(
        r"toolConfig|inputSchema|input_schema|\btools\.\d|number of tools|\btool names\b",
        ProviderRejected,
        "the model refuses a tool: check the schema of its arguments",
        "options.tools",
    ),
    _when(
        r"(?<!part of )tool_?(use|result)(?!\w)",
        ProviderRejected,
        "the model refuses a tool call or its result; each call needs its result in the next turn, and a plain name",
        "history",
    ),
    _when(
        r"text (field|content block)s?\b.*(blank|non-?(empty|whitespace))",
        ProviderRejected,
        "the model refuses a text that is blank; leave it out",
    ),
    _when(
        r"stop[_ ]?sequences",
        ProviderRejected,
        "the model refuses these; send fewer or others, or leave them out",
        "options.sampling.stop",
    ),
)
_OF_PROMPTS = (
    _when(r"\b((request)?metadata|headers?)\b.*\b(exceed|too long)", ProviderRejected),
    _when(
        r"(input length|prompt) and .?max_?tokens|in the completion\)",
        ProviderRejected,
        f"{_TOO_LONG}, or ask for fewer max_tokens",
        cause=PROMPT_TOO_LONG,
    ),
    _when(
        r"maximum tokens you requested|max_?(new_|completion_|output_|gen_)?(tokens|len)\b|max_?token_?count"
        r"|max_tokens_to_sample|(?<!and )(output|completion) tokens exceed",
        ProviderRejected,
        "the model refuses this number; ask for fewer, or leave it out",
        "max_tokens",
    ),
    _when(
        r"too (long|large|big)|too many (total )?(input |text )?(tokens|bytes|characters)|maxlength|payload size"
        r"|context (length|limit|window|size)|input length|number of input tokens|tokens? exceed"
        r"|length limit exceeded|exceeded the maximum number of tokens|over the (length|size|token|context) limit"
        r"|(prompt|input) length .*(greater|larger|longer|more) than|tokens,? (which is )?(above|over|more than)\b"
        r"|\b(input|prompt|messages?|request|tokens)\b.*exceeds?\b|longer than the model"
        r"|exceeds? (the )?(maximum|max|limit).*(input|prompt)",
        ProviderRejected,
        _TOO_LONG,
        cause=PROMPT_TOO_LONG,
    ),
    _when(
        r"system (message|prompt|instruction|content|role|field)|\[system\]|/system\b|\bsystem: ",
        ProviderRejected,
        "the model accepts no system prompt; leave it out, or put it into the message",
        "context",
    ),
    _when(
        r"(start|begin|end) with a user|first (message|turn)|(last|final) turn|alternate|consecutive (user|assistant)"
        r"|roles? must|messages?\.\d+|prefill|expected last role",
        ProviderRejected,
        "the model refuses the order of the turns; begin with the user's, and let user and assistant alternate",
        "history",
    ),
    _when(
        r"temperature",
        ProviderRejected,
        "the model refuses this value; send another, or leave it out",
        "temperature",
    ),
    _when(
        r"top_?p\b",
        ProviderRejected,
        "the model refuses this value; send another, or leave it out",
        "options.sampling.top_p",
    ),
)
_OF_ENDED_MODELS = _when(
    r"end of (its|their) life|legacy|deprecated|retired",
    UnknownModel,
    "the provider no longer has this model: ListModels and GET /models name its models",
)
_OF_DENIED_MODELS = _when(
    r"model access|model with the specified model id|marketplace|payment|subscri|agreement|use case",
    ProviderAuth,
    _NO_ACCESS,
)
_OF_DAYS = MessageMeaning(
    re.compile(r"per day|daily|for today", re.IGNORECASE),
    Meaning(ProviderRateLimited, "the account's limit for this day is reached", repeat_helps=False),
)
_NOT_READY = _when(r"\bmodel is not ready\b", ProviderUnavailable)
_OF_CLOCKS = _when(
    r"expired|not yet current|skew|clock",
    ProviderAuth,
    "AWS refuses the time of the signature: correct this server's clock",
)

BY_CODE: Mapping[str, tuple[MessageMeaning, ...]] = {
    "AccessDeniedException": (_OF_DENIED_MODELS,),
    "InvalidSignatureException": (_OF_CLOCKS,),
    "ModelErrorException": (*_OF_CONTENT, *_OF_PROMPTS),
    "ModelStreamErrorException": (*_OF_CONTENT, *_OF_PROMPTS),
    "RequestEntityTooLargeException": (_when("", ProviderRejected, _TOO_LONG, cause=PROMPT_TOO_LONG),),
    "RequestExpired": (_OF_CLOCKS,),
    "RequestTimeTooSkewed": (_OF_CLOCKS,),
    "ResourceNotFoundException": (_OF_ENDED_MODELS, _OF_ACCOUNTS),
    "SignatureDoesNotMatch": (_OF_CLOCKS,),
    "ThrottlingException": (_OF_DAYS,),
    "ValidationError": (_NOT_READY, _OF_ACCOUNTS, *_OF_MODELS, *_OF_CONTENT, *_OF_PROMPTS),
    "ValidationException": (_NOT_READY, _OF_ACCOUNTS, *_OF_MODELS, *_OF_CONTENT, *_OF_PROMPTS),
}
"""By code. The first match counts."""


def meaning_of_message(failure: Failure) -> Meaning | None:
    """Returns the meaning of a failure's message; None if it says no more than the code."""
    listed = BY_CODE.get(failure.code, ())
    return next((one.meaning for one in listed if one.pattern.search(failure.message)), None)
