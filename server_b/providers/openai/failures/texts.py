"""The meanings of texts in providers' errors, if neither a word nor the status is clear. All in lower case."""

from __future__ import annotations

import re
from collections.abc import Mapping

from server_b.providers.openai.failures.meaning import (
    AUTH,
    FILTERED,
    NO_CREDIT,
    NO_SYSTEM,
    OVERLOADED,
    RATE_LIMITED,
    SYSTEM_LATER,
    TOO_LONG,
    TURNS,
    UNAVAILABLE,
    UNKNOWN_MODEL,
    Meaning,
)

_HOLDERS = r"(?:account|organi[sz]ation|workspace|project|team|api access|api[ _-]?key|access token)"
_OF_A_PROMPT = r"(?:prompt|input|message|request|conversation)"
_SHUT_OUT = r"(?:suspended|deactivated|disabled|inactive|locked|blocked|restricted|revoked|not active|expired|invalid)"
_TEXTS: Mapping[Meaning, tuple[str, ...]] = {
    TURNS: (
        r"roles must alternate",
        r"alternate (?:between|with)",
        r"(?:successive|consecutive) (?:user|assistant)",
        r"(?:first|initial) (?:message|turn) must",
        r"last (?:message|turn) must",
        r"expected last role",
        r"must (?:start|begin) with (?:an? |the )?['\"`]?user",
    ),
    SYSTEM_LATER: (
        r"system (?:message|prompt|role)s? (?:must|should|can only|may only) .{0,30}\b(?:beginning|start|first)\b",
    ),
    NO_SYSTEM: (
        r"system (?:role|message|prompt|instruction)s? (?:is |are )?(?:not (?:supported|allowed|enabled)|unsupported)",
        r"(?:not|n't) support (?:an? |the )?['\"`]?(?:system|developer)\b",
        r"developer instruction is not enabled",
    ),
    NO_CREDIT: (
        r"(?:insufficient|not enough)[ _](?:\w+ )?(?:balance|credit|fund|quota)",
        r"credit balance is too low",
        r"credit limit (?:is |has been )?(?:exceeded|reached)",
        r"\bkey limit exceeded",
        r"please (?:top[ -]?up|recharge|enable billing)",
        r"requires billing to be enabled",
        r"reached your (?:\w+ )?(?:api )?usage limits?",
        r"(?:out of|no|used all|exceeded your monthly) (?:available |included )?credits",
        r"spend(?:ing)? (?:limit|cap)",
        r"credits? (?:balance )?(?:is|are|has been|have been) (?:\w+ )?(?:depleted|exhausted|used up|insufficient)",
        r"balance is insufficient",
        r"billing (?:is )?not active",
        r"account (?:is |has )?(?:been )?(?:in arrears|overdue)",
        r"overdue balance",
        r"budget has been exceeded",
        r"exceeded ?budget",
        r"payment (?:is |was )?(?:required|failed|declined|method)",
        r"\bunpaid\b|\bpast due\b",
        r"(?:your|the) monthly (?:\w+ )?(?:quota|limit|allowance|usage)",
        r"monthly (?:\w+ )?(?:quota|limit) (?:is|has|was) ",
        r"(?:calls|requests|tokens) ?(?:per|/) ?month",
        "余额不足",
        "欠费",
        "请充值",
    ),
    AUTH: (
        r"(?:incorrect|invalid|expired|missing|unknown) api[ _-]?(?:key|token)",
        r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found|missing|incorrect)",
        r"(?:no|provide an?) api[ _-]?key",
        r"invalid (?:authentication|authorization|credentials|access token|auth token)",
        r"authentication (?:error|failed|failure)",
        rf"{_HOLDERS} (?:is |has |was )?(?:been )?(?:\w+ly )?{_SHUT_OUT}",
        r"\bunauthori[sz]ed\b|\bunauthenticated\b|not authenticated",
        r"location is not supported",
        r"(?:your|this) (?:country|region|location|territory) (?:is )?(?:not (?:supported|available)|unsupported)",
        r"not (?:available|supported) in your (?:country|region|location)",
        r"not authorized to (?:access|use|invoke)",
    ),
    UNKNOWN_MODEL: (
        r"model\b.{0,120}?\b(?:not (?:exist|found|available)|doesn't exist|isn't available|no longer available)",
        r"model\b.{0,120}?\b(?:has been (?:deprecated|decommissioned|retired)|reached (?:its )?end of life)",
        r"model:? ['\"`]?[\w./:-]+['\"`]? is not supported",
        r"(?:no such|unknown|invalid|unrecognized|unavailable|non-?existent) model",
        r"\bno models? (?:is |are |has been )?loaded",
        r"\bmodel (?:\S+ )?(?:is |has been )?disabled",
        r"not a valid model",
        r"malformed (?:publisher )?model",
        r"model (?:identifier|id|name) is invalid",
        r"unable to access model",
        r"no endpoints? found for",
        r"server is pinned to",
        r"try pulling it",
        r"no model named",
        r"(?:no|not) (?:\w+ )?(?:handler|deployment|route|channel)s? (?:found )?for (?:the )?model",
        r"deployment (?:for this resource )?does not exist",
    ),
    TOO_LONG: (
        r"context[ _-]?(?:length|size|window|limit)",
        rf"{_OF_A_PROMPT}s? (?:tokens? |characters? )?(?:\([^)]{{1,40}}\) )?(?:(?:is|are) )?too (?:long|large)",
        r"exceed\w* .{0,30}\btoken limit",
        r"(?:prompt|input) (?:token )?(?:count|length)\b.{0,60}\b(?:exceed|too (?:long|large)|greater|larger|longer)",
        r"(?:prompt|input) tokens?\b.{0,40}\b(?:exceed|too many)",
        r"(?:larger|greater|longer|more) than the model",
        r"max(?:imum)?[ _](?:supported )?seq(?:uence)?[ _]len(?:gth)?\b",
        r"exceeds? the max(?:imum)? (?:number of (?:input )?tokens|(?:prompt|input) length)",
        r"max(?:imum)? (?:prompt|input) length",
        r"range of input length",
        r"too many (?:input )?tokens",
        r"too large for model",
        r"(?:reduce|shorten) (?:the length of )?(?:the |your )?(?:messages|prompt|input|history)",
        r"`?inputs`? must have less than \d+ tokens",
        r"`?inputs`? tokens \+",
        r"longer than the (?:model|maximum|specified maximum)",
        r"must be at least 1, got -",
    ),
    FILTERED: (
        r"content (?:management|filter|safety)(?:ing)? policy",
        r"content[ _]filter",
        r"(?:input|prompt) was flagged",
        r"flagged by (?:\w+ ){0,2}moderation",
        r"requires moderation",
        r"violat\w+ (?:our|the|usage|content) (?:\w+ )?(?:polic|guideline|terms)",
        r"(?:considered|content exists) (?:high )?risk",
        r"(?:inappropriate|harmful|unsafe|sensitive) (?:content|information|material|words?)",
        r"safety[_ ]check|safety (?:system|filter|setting)",
    ),
    RATE_LIMITED: (
        r"rate[ _-]?limit",
        r"too many requests",
        r"(?:requests?|tokens) per (?:second|minute|day)",
        r"\b(?:requests?|qps|qpm|rpm|tpm) limit (?:is |has been )?(?:reached|exceeded)",
        r"throttl",
    ),
    OVERLOADED: (
        r"overloaded",
        r"(?:over|at) capacity",
        r"capacity exceeded",
        r"(?:server|model|service|engine) is (?:too |currently )?(?:busy|loading)",
        r"too busy",
        r"loading model",
        r"(?:temporarily|currently) unavailable",
        r"no healthy upstream",
        r"no available (?:server|worker|channel)",
        r"\bdegraded function\b",
    ),
    UNAVAILABLE: (
        r"\b(?:model|engine|runner|server|worker|process)\b.{0,40}\bcrashed",
        r"failed to load (?:the )?model",
        r"insufficient system resources",
        r"\bout of memory\b",
    ),
}
NO_CREDIT_UNLESS_THROTTLED = "check your plan and billing"
"""OpenAI says this for an empty account, Google also for a limit that resets within a minute."""
BY_TEXT: Mapping[Meaning, re.Pattern[str]] = {meaning: re.compile("|".join(texts)) for meaning, texts in _TEXTS.items()}

_OF_A_REQUEST = (TURNS, SYSTEM_LATER, NO_SYSTEM, NO_CREDIT, AUTH, UNKNOWN_MODEL, TOO_LONG, FILTERED)
_BEHIND_A_GATEWAY = (TURNS, SYSTEM_LATER, NO_SYSTEM, NO_CREDIT, AUTH, TOO_LONG, FILTERED, RATE_LIMITED)
"""Meanings that gateways report as their own failures."""
_BY_STATUS: Mapping[int, tuple[Meaning, ...]] = {
    400: (*_OF_A_REQUEST, RATE_LIMITED, OVERLOADED, UNAVAILABLE),
    403: (NO_CREDIT, UNKNOWN_MODEL, FILTERED, RATE_LIMITED),
    404: (UNKNOWN_MODEL,),
    412: (NO_CREDIT, AUTH),
    422: (*_OF_A_REQUEST, RATE_LIMITED, OVERLOADED, UNAVAILABLE),
    429: (NO_CREDIT,),
    500: _BEHIND_A_GATEWAY,
    502: _BEHIND_A_GATEWAY,
}
_WITHOUT_STATUS = (*_OF_A_REQUEST, RATE_LIMITED, OVERLOADED, UNAVAILABLE)


def searched_for(status: int | None) -> tuple[Meaning, ...]:
    """Returns the meanings that a text is searched for with this status. Other statuses are clear by themselves."""
    return _WITHOUT_STATUS if status is None or status < 300 else _BY_STATUS.get(status, ())
