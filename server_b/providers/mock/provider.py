"""The mock provider: answers by itself, for trying the relay out and for everybody's tests.

Where faults are allowed (MOCK_FAULTS=true) a caller can ask for one by the model's name:

    mock-model?fault=cut&after=3          the stream is cut after 3 words
    mock-model?fault=rate_limit&retry_after=2&times=1
    mock-model?delay=0&word_delay=0.01    no fault, other delays

`after` is a number of words (default 3), `times` how many tries fail before one succeeds (default all);
`retry_after`, `delay` and `word_delay` are seconds.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from llm_relay.errors import (
    ProviderAuth,
    ProviderProtocol,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    UnknownModel,
)
from llm_relay.messages import Accuracy, FinishReason, Models, Prompt, Usage
from server_b.providers.base import Ending, Opening, Piece, Text
from server_b.providers.mock.texts import text_of

MODEL = "mock-model"
NOTE = "The mock answers as mock-model, whatever model is named"


class Fault(enum.Enum):
    """What a caller can ask for."""

    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    AUTH = "auth"
    REJECTED = "rejected"
    UNKNOWN_MODEL = "unknown_model"
    HANG = "hang"
    """Silence before the first word."""
    HANG_AMID = "hang_amid"
    CUT = "cut"
    """The stream ends without its end mark."""
    MALFORMED = "malformed"


AMID = frozenset({Fault.HANG_AMID, Fault.CUT, Fault.MALFORMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How one call is answered; times in seconds."""

    delay_s: float
    word_delay_s: float
    fault: Fault | None = None
    after: int = 3
    times: float = math.inf
    retry_after_s: float | None = None


class MockProvider:
    """Answers with the prompt's own message, after a delay."""

    name = "mock"
    default_model = MODEL
    endpoint = ""

    def __init__(self, *, delay_s: float = 0.1, word_delay_s: float = 0.05, faults_allowed: bool = False) -> None:
        """`delay_s` comes before an answer, `word_delay_s` between a stream's words."""
        self._usual = Behaviour(delay_s=delay_s, word_delay_s=word_delay_s)
        self._faults_allowed = faults_allowed
        self._count = itertools.count(1)
        self._tries: dict[str, int] = {}

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        behaviour = self._behaviour(prompt)
        await asyncio.sleep(behaviour.delay_s)
        await _fail_before(behaviour)
        yield Opening(MODEL)
        text = text_of(prompt, number=next(self._count), whole=whole)
        for place, word in enumerate([text] if whole and behaviour.fault is None else _words(text)):
            if place == behaviour.after and behaviour.fault in AMID:
                if behaviour.fault is Fault.CUT:
                    return
                await _fail_amid(behaviour)
            if place and behaviour.word_delay_s and not whole:
                await asyncio.sleep(behaviour.word_delay_s)
            yield Text(word)
        yield Ending(FinishReason.STOP, _usage(prompt, text))

    async def list_models(self) -> Models:
        return Models(provider=self.name, models=(MODEL,), default_model=MODEL, note=NOTE)

    async def close(self) -> None:
        """Has nothing to close."""

    def _behaviour(self, prompt: Prompt) -> Behaviour:
        _, _, query = (prompt.model or "").partition("?")
        if not query or not self._faults_allowed:
            return self._usual
        behaviour = _asked(query, self._usual)
        if behaviour.fault and not math.isinf(behaviour.times):
            tried = self._tries[query] = self._tries.get(query, 0) + 1
            if tried > behaviour.times:
                del self._tries[query]
                return replace(behaviour, fault=None)
        return behaviour


def _asked(query: str, usual: Behaviour) -> Behaviour:
    given = dict(parse_qsl(query))
    try:
        return Behaviour(
            delay_s=_number(given.get("delay", usual.delay_s)),
            word_delay_s=_number(given.get("word_delay", usual.word_delay_s)),
            fault=Fault(given["fault"]) if "fault" in given else None,
            after=int(given.get("after", 3)),
            times=_number(given["times"]) if "times" in given else math.inf,
            retry_after_s=_number(given["retry_after"]) if "retry_after" in given else None,
        )
    except ValueError as error:
        faults = ", ".join(fault.value for fault in Fault)
        raise ProviderRejected(f"model: the mock knows fault={faults}, and numbers for the rest") from error


def _number(text: str | float) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise ValueError(text)
    return number


async def _fail_before(behaviour: Behaviour) -> None:
    match behaviour.fault:
        case Fault.RATE_LIMIT:
            raise ProviderRateLimited(retry_after_s=behaviour.retry_after_s)
        case Fault.SERVER_ERROR:
            raise ProviderUnavailable(retry_after_s=behaviour.retry_after_s, may_have_worked=False)
        case Fault.AUTH:
            raise ProviderAuth
        case Fault.REJECTED:
            raise ProviderRejected
        case Fault.UNKNOWN_MODEL:
            raise UnknownModel
        case Fault.HANG:
            await asyncio.get_running_loop().create_future()
        case _:
            return


async def _fail_amid(behaviour: Behaviour) -> None:
    if behaviour.fault is Fault.HANG_AMID:
        await asyncio.get_running_loop().create_future()
    if behaviour.fault in AMID:
        raise ProviderProtocol


def _words(text: str) -> list[str]:
    """Splits a text after each space, so that the words join to the text again."""
    parts = text.split(" ")
    return [f"{part} " for part in parts[:-1]] + parts[-1:]


def _usage(prompt: Prompt, answer: str) -> Usage:
    asked = [prompt.context or "", *(turn.text for turn in prompt.history), prompt.message]
    return Usage(
        input_tokens=sum(len(text.split()) for text in asked),
        output_tokens=len(answer.split()),
        accuracy=Accuracy.EXACT,
    )
