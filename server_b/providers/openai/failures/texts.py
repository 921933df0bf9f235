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
_OF_A_PROMPT = r"(?:prompt|input|message|request|payload|conversation)"
_OF_ITS_LENGTH = (
    r"(?:(?!rate|quota|minute|second|hour|\bday|\btime|duration|retr|attempt|concurren|image|schema|stop|tool|function"
    r"|name|metadata|temperature|output)[^.\n])"
)
"""A character of a text that is about the length of the prompt."""
_EXCEEDS = (
    rf"{_OF_ITS_LENGTH}{{0,60}}\bexceed\w*{_OF_ITS_LENGTH}{{0,40}}\b(?:limit|max(?:imum)?|length|size|tokens)\b"
    r"(?![^.\n]{0,40}\b(?:per|retries|attempts|time|duration|concurren\w*|requests|calls)\b)"
)
_TOO_LONG = "too (?:long|large|big)"
_BARRED = r"(?:suspended|deactivated|disabled|inactive|locked|blocked|restricted|revoked|banned|terminated|deleted)"
_SHUT_OUT = rf"(?:{_BARRED}|not active|expired|invalid)"
_OF_MEMBERS = (
    r"(?:parameters?|arguments?|options?|settings?|config\w*|kwargs|output|response|answer|input|temperature|logprobs|tools?"
    r"|functions?|tool[ _]choice|images?|files?|features?|schema|streaming|vision|audio|reasoning|thinking)"
)
"""Words for members of a request, and what a model can do. A text about them is not about the model."""
_NO_MEMBER = rf"(?!{_OF_MEMBERS}(?![\w-]))"
_OF_A_MODEL = rf"(?:(?![ '\"`]{_OF_MEMBERS}['\"`]? )[^\n]){{0,120}}?"
"""The text between `model` and what is said of it."""
_THE_MODEL = (
    rf"\bmodel:? {_NO_MEMBER}(?:(?:name|id|alias|named|called):? )?(?:\S{{1,100}} )?"
    r"(?:is |was |has been |has |could |can)?"
)
_LATER = r"(?![^\n]*\b(?:again|retry|later|moment|soon)\b)"
_WHOLE = r"(?m:^(?:error: )?(?:{})[.!]?$)"
"""A text that says nothing else, or a line of it."""
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
        r"(?:not|n't) support (?:an? |the )?['\"`]?(?:system|developer)\b(?! fingerprint)",
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
        r"(?:out of|no|used all|exceeded your monthly) (?:available |included |remaining |more )?credits",
        r"\b(?:low|negative) balance\b|no balance (?:left|remaining)",
        r"balance is (?:too low|negative|zero|empty)|wallet is empty",
        r"\bbalance (?:is |has been )?(?:exhausted|depleted|used up)|payment overdue|exceeded your credit limit",
        r"your plan (?:has |is )?expired",
        r"please add (?:more )?credits?|add (?:more )?credits? to your",
        r"quota exceeded for (?:this|the) month",
        r"\btrial (?:period )?(?:has |is )?ended|subscription (?:is )?required|no active subscription",
        r"\bhard limit (?:has been |is |was )?reached",
        r"spend(?:ing)? (?:limit|cap)",
        r"credits? (?:balance )?(?:(?:is|are|ha(?:s|ve) been) (?:\w+ )?)?(?:depleted|exhausted|used up|insufficient)",
        r"balance is (?:insufficient|not enough)|balance not enough|not have enough (?:balance|credit|fund|quota)",
        r"(?:free|trial) (?:\w+ )?quota (?:is |has been |was )?(?:exhausted|used up|exceeded)",
        r"billing (?:account )?(?:is )?not (?:active|configured|enabled|set up)",
        r"account (?:is |has )?(?:been )?(?:in arrears|overdue)",
        r"overdue balance",
        r"budget (?:is |was |has been )?exceeded",
        r"exceeded ?budget",
        r"payment (?:is |was )?(?:required|failed|declined|method)",
        r"\bunpaid\b|\bpast due\b",
        r"(?:your|the) monthly (?:\w+ )?(?:quota|limit|allowance|usage)",
        r"monthly (?:\w+ )?(?:quota|limit) (?:is|has|was) ",
        r"(?:calls|requests|tokens) ?(?:per|/) ?month",
        "(?:余额|额度)(?:不足|已用尽|已用完|已耗尽)",
        "欠费",
        "请充值",
    ),
    AUTH: (
        r"(?:incorrect|invalid|expired|missing|unknown) api[ _-]?(?:key|token)",
        r"api[ _-]?key (?:you )?(?:provided )?(?:is |was )?(?:not valid|invalid|expired|not found|missing|incorrect)",
        r"api[ _-]?key (?:you )?(?:provided )?(?:is |was )?(?:wrong|required)",
        r"(?:no|provide an?(?: valid)?) api[ _-]?key",
        _WHOLE.format(
            r"invalid (?:(?:api|auth|access|bearer|jwt) )?(?:token|key)"
            r"|(?:the |your )?(?:token|jwt|key) (?:is |has |was )?(?:expired|invalid|revoked)"
            r"|(?:user|account) not found|unknown user|invalid username or password|invalid x-api-key"
            r"|forbidden|(?:access|permission) denied|insufficient permissions?"
        ),
        r"(?:missing|no) bearer token|bearer token (?:is )?(?:missing|required|invalid|expired)",
        r"must be logged in|not logged in|(?m:^please (?:log|sign) in\b)|(?:verify|confirm) your (?:e-?mail|phone)",
        rf"(?m:^(?:your |the |this )?user(?: account)? (?:is |was |has )(?:been )?{_BARRED})",
        r"(?<!or )you (?:do(?: not|n't) have|have no) (?:access|permission) to (?:\w+ )?(?:this|the) (?:model|api)\b",
        r"invalid (?:authentication|authorization|credentials|access token|auth token)",
        r"authentication (?:error|failed|failure)|(?:bad|wrong) credentials|could not validate credentials",
        r"auth(?:entication|orization)(?: header| credentials)? (?:is |was |were )?(?:missing|required|not provided)",
        rf"{_HOLDERS} (?:is |has |was )?(?:been )?(?:\w+ly )?{_SHUT_OUT}",
        r"\bunauthori[sz]ed\b(?! (?:field|parameter|property|argument|key)\b)|\bunauthenticated\b|not authenticated",
        r"location is not supported",
        r"(?:your|this) (?:country|region|location|territory) (?:is )?(?:not (?:supported|available)|unsupported)",
        r"not (?:available|supported) in your (?:country|region|location)",
        r"not authorized to (?:access|use|invoke)|(?:app ?id|user|account|caller|client|you) (?:is|are) not authorized",
        r"\bkey (?:is |has |was )?(?:been )?(?:expired|revoked)",
        r"(?:missing|no) (?:authorization|authentication|auth)\b",
        r"(?:subscription|trial) (?:is |has |was )?expired",
        r"organi[sz]ation must be verified to (?:use|access)",
        r"plan does(?: not|n't) (?:include|allow|support)|upgrade your (?:plan|account|subscription)|on paid plans",
        r"\bip(?: address)? (?:is )?not allowed|from your ip(?: address)? (?:is|are|was) (?:denied|blocked|forbidden)",
        "无效的?(?:令牌|密钥)|令牌(?:状态不可用|无效|已过期)",
    ),
    UNKNOWN_MODEL: (
        rf"models?\b{_OF_A_MODEL}\b(?:not (?:exist|found|available)|doesn't exist|isn't available|no longer available)",
        rf"model\b{_OF_A_MODEL}\b(?:has been (?:deprecated|decommissioned|retired)|reached (?:its )?end[ -]of[ -]life)",
        rf"model:? {_NO_MEMBER}['\"`]?[\w./:-]+['\"`]? is not supported",
        r"(?:no such|unknown|unrecognized|unavailable|non-?existent) model",
        rf"(?:invalid|unsupported|deprecated|incorrect|wrong) model(?![_ ]{_OF_MEMBERS}(?![\w-]))",
        rf"{_THE_MODEL}(?:unavailable|offline|inaccessible)\b(?!-){_LATER}",
        rf"{_THE_MODEL}(?:invalid|not (?:enabled|supported|allowed))(?m:[.!]?$)|(?m:^no model \S+$)",
        rf"{_THE_MODEL}(?:not )?be found(?! in)",
        rf"{_THE_MODEL}not (?:accessible|hosted|served|known|recogni[sz]ed|registered)\b",
        rf"{_THE_MODEL}not (?:deployed|configured|in (?:the )?(?:model list|config))\b",
        rf"{_THE_MODEL}no active deployments",
        rf"{_THE_MODEL}(?:been )?(?:shut down|discontinued)|{_THE_MODEL}not a valid choice",
        r"not a known model|no model called",
        r"\bmodel (?:\S+ )?(?:is |was |has been )(?:deprecated|removed|sunset|retired)|model not supported",
        r"(?:cannot|can't|could not|couldn't) find (?:the |a )?model|no model found",
        r"model\b.{0,80}? not (?:in|on) (?:the )?(?:list of )?allowed",
        r"no (?:healthy )?(?:deployment|provider|endpoint|backend)s? (?:available |found )?for (?:the |this )?model",
        r"deployment \S{1,80} (?:was |is )?not found|(?:lora|adapter) \S{1,80} (?:was |is )?not found",
        r"model (?:\S+ )?(?:is not|isn't|not) loaded",
        r"模型.{0,40}(?:不存在|未找到|已下线)",
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
        r"context[ _-]?(?:length|size|window|limit)(?!['\"`]? (?:is not (?:a valid|allowed)|must be an?\b|field))",
        rf"(?:{_OF_A_PROMPT}|text|history)s? (?:(?:token|character)s? )?(?:\([^)]{{1,40}}\) )?(?:is |are )?{_TOO_LONG}",
        r"exceed\w* .{0,30}\btoken limit",
        r"(?:prompt|input) (?:token )?(?:count|length)\b.{0,60}\b(?:exceed|too (?:long|large)|greater|larger|longer)",
        r"(?:prompt|input) tokens?\b.{0,40}\b(?:exceed|too many)",
        r"(?:larger|greater|longer|more) than the model|number of input tokens\b.{0,40}\b(?:greater|larger|more) than",
        rf"\b{_OF_A_PROMPT}s?\b[^.\n]{{0,40}}\d tokens,? (?:which is )?(?:above|over|more than)\b(?![^\n]*output)",
        r"available in (?:the )?context",
        r"max(?:imum)?[ _](?:supported )?seq(?:uence)?[ _]len(?:gth)?\b",
        r"exceeds? the max(?:imum)? (?:number of (?:input )?tokens|(?:prompt|input) length)",
        r"max(?:imum)? (?:prompt|input) (?:length|characters)\b",
        r"(?:prompt|input|message)s? (?:is |are )?over (?:the )?\w+ limit",
        r"range of input length",
        r"too many (?:input )?tokens",
        r"too (?:large|long) for (?:this |the )?model|(?:longer|larger) than the context|\binput_tokens exceed",
        r"\btokens \d+ exceeds? \d|max(?:imum)? context (?:is |was |has been )?exceeded",
        r"(?:reduce|shorten) (?:the length of )?(?:the |your )?(?:messages|prompt|input|history)",
        r"`?inputs`? must have less than \d+ tokens",
        r"`?inputs`? tokens \+",
        r"longer than the (?:model|maximum|specified maximum)",
        r"must be at least 1, got -",
        rf"\b(?:{_OF_A_PROMPT}|inputs|messages)\b{_EXCEEDS}",
        rf"(?<!output )(?<!completion )(?<!response )(?<!stop )(?<!bias )(?<!thinking )\b(?:text|tokens?)\b{_EXCEEDS}",
        r"\btoken (?:limit|length) (?:is |was |has been )?exceeded",
        r"request (?:length|size) (?:is |was |has been )?exceeded|max_model_len",
        r"more than (?:the )?max(?:imum)? (?:number of )?tokens",
        r"(?:输入|上下文|提示词|token).{0,20}(?:超过|超出|过长|超长|超限)",
    ),
    FILTERED: (
        r"content (?:management|filter|safety)(?:ing)? policy|content policy violat",
        r"content[ _]filter(?!\w*['\"`]?:? (?:is not|must|should|parameter|field|extra|unknown))",
        r"(?:input|prompt|request) (?:was )?flagged|content was moderated|\bpii (?:was |is )?detected",
        r"\b(?:nsfw(?: content)?|(?:sexual|violent|explicit) content|hate speech) (?:was |is )?(?:detected|blocked)",
        r"(?:rejected|blocked|refused) by (?:the |our |a )?(?:\w+ )?guard(?:rails?)?\b",
        r"flagged by (?:\w+ ){0,2}moderation",
        r"requires moderation",
        r"violat\w+ (?:our|the|usage|content) (?:\w+ )?(?:polic|guideline|terms)",
        r"(?:considered|content exists) (?:high )?risk",
        r"(?:inappropriate|harmful|unsafe|sensitive) (?:content(?![ -]type)|prompts?|information|material|words?)",
        r"safety[_ ]check|safety (?:system|filter)",
        r"blocked (?:by|due to|because of|for) (?:our |the |a )?(?:content|safety|moderation|usage|guardrail)",
        r"guardrails?\b.{0,40}(?:blocked|violat|intervened|triggered)|violat\w+ .{0,20}guardrail",
        r"flagged (?:for|as) (?:possibl|potential)|not allowed by (?:our|the) (?:\w+ )?polic|prohibited content",
        r"(?:prompt injection|jailbreak)(?: attempt)? (?:was |is )?(?:detected|blocked)",
        "敏感内容|敏感词|内容违规",
    ),
    RATE_LIMITED: (
        r"rate[ _-]?limit(?! (?:parameter|field))|request rate",
        r"too many (?:concurrent )?requests|requests too (?:quickly|fast|frequently)",
        r"(?m:^(?:please )?slow down(?:[.,:;!]| your|$))",
        r"\bconcurren(?:cy|t requests?) (?:limit )?(?:is |was |has been )?(?:reached|exceeded)",
        r"(?m:^(?:token |request )?rate exceeded)",
        r"please wait before|(?:usage|requests?|tokens?) limit per (?:second|minute|hour|day)\b",
        r"(?:daily|hourly|per-(?:day|hour|minute)) (?:\w+ )?limit (?:is |was |has been )?(?:reached|exceeded)",
        r"(?:requests?|tokens) per (?:second|min|minute|hour|day)\b|per-minute|resource (?:has been )?exhausted",
        r"\bmax (?:rpm|tpm)\b|\b(?:rpm|tpm|qps|qpm) quota",
        r"\b(?:requests? limit|(?:qps|qpm|rpm|tpm)(?: limit)?) (?:is |has been )?(?:reached|exceeded|hit)",
        r"throttl(?!\w*_)",
    ),
    OVERLOADED: (
        r"(?<!['\"`])overloaded(?! function)",
        r"(?:over|at)(?: full| max(?:imum)?)? capacity",
        r"capacity exceeded",
        r"(?:server|model|service|engine|workers?) (?:is|are) (?:too |currently |still )?(?:busy|loading|warming up)",
        r"too busy|\bmodel (?:\S{1,100} )?is starting\b|service is unavailable|under maintenance",
        r"\bqueue is full\b|model is being loaded|no capacity available|insufficient capacity",
        r"no (?:workers?|gpus?|instances?) (?:are |is )?available|(?m:^(?:please )?(?:try again|retry) later[.!]?$)",
        r"(?m:^(?:the )?(?:service|backend|server|upstream)(?: is)? unavailable)",
        rf"{_THE_MODEL}(?:unavailable|offline)\b(?!-)",
        r"loading model",
        r"(?:temporarily|currently) (?:unavailable|offline)",
        r"no healthy upstream",
        r"no available (?:server|worker|channel)",
        r"\bdegraded function\b",
    ),
    UNAVAILABLE: (
        r"\b(?:model|engine|runner|server|worker|process)\b.{0,40}\bcrashed",
        r"failed to load (?:the )?model",
        r"insufficient system resources",
        r"\bout of memory\b|requires more (?:system )?memory|\bcuda error\b|\bengine (?:is )?dead\b",
        r"(?m:^(?:upstream|internal|backend)(?: server| service)? (?:error|failure)\b|^server error[.!]?$)",
    ),
}
OF_A_PART = re.compile(
    r"\b(?:images?|audio|videos?|pdfs?|documents?|files?|attachments?|tools?|functions?|schemas?|headers?|fields?|shapes?"
    r"|(?:message|request|user|call) id)\b[^.\n]{0,80}(?:\bexceed|\btoo (?:long|large|big|many)\b)"
)
"""A text about the size of one part of a request. It is not about the prompt, unless it counts tokens."""
OF_TOKENS = re.compile(r"\btokens?\b|\bcontext\b")
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
    451: (FILTERED,),
    500: _BEHIND_A_GATEWAY,
    502: _BEHIND_A_GATEWAY,
}
_WITHOUT_STATUS = (*_OF_A_REQUEST, RATE_LIMITED, OVERLOADED, UNAVAILABLE)


def searched_for(status: int | None) -> tuple[Meaning, ...]:
    """Returns the meanings that a text is searched for with this status. Other statuses are clear by themselves."""
    return _WITHOUT_STATUS if status is None or status < 300 else _BY_STATUS.get(status, ())
