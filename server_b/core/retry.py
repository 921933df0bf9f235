"""Asking the provider: within the deadline, with patience for silence, and again where that can help."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from dataclasses import dataclass

from llm_relay.errors import DeadlineExceeded, ProviderProtocol, ProviderRateLimited, ProviderUnavailable, RelayError
from llm_relay.messages import FinishReason, Usage
from server_b.core.call import Call, Kind
from server_b.core.settlement import NOTHING_USED
from server_b.providers.base import Ending, Opening, Provider, Text, WholeAnswer, Working
from server_b.providers.fallback import Fallback

RETRYABLE = (ProviderRateLimited, ProviderUnavailable)
FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often the provider is asked and how long it may be silent; times in seconds."""

    attempts: int = 3
    """Tries before the first delta."""
    first_token_s: float = 60.0
    """Before the first event."""
    token_gap_s: float = 60.0
    """Between two events."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the provider ended an answer."""

    finish_reason: FinishReason
    usage: Usage | None = None
    """None: the provider gave no count."""


async def ask(call: Call, provider: Provider, patience: Patience) -> Outcome:
    """Asks the provider and writes what comes into the call, until its end, Cancel or the deadline.

    Raises the provider's RelayError, ProviderUnavailable for too long a silence, or DeadlineExceeded.
    """
    limit = call.patience()
    try:
        async with limit:
            return await _ask_until_answered(call, provider, patience)
    except TimeoutError as error:
        if not limit.expired():
            raise
        if call.cancelled_softly:
            return Outcome(FinishReason.CANCELLED)
        if call.out_of_time:
            raise DeadlineExceeded from error
        raise ProviderUnavailable("the provider kept silent for too long") from error


async def _ask_until_answered(call: Call, provider: Provider, patience: Patience) -> Outcome:
    if call.cancelled_softly:  # while the caller was being told its request_id
        return Outcome(FinishReason.CANCELLED, NOTHING_USED)
    while True:
        call.attempts += 1
        try:
            return await _ask_once(call, provider, patience)
        except RETRYABLE as error:
            pause_s = min(_pause_s(call.attempts, wait_s) for wait_s in _waits_s(call, error))
            if call.started or not error.repeat_helps or call.attempts >= patience.attempts or not _fits(pause_s, call):
                raise
            call.expect_word_within(pause_s + patience.first_token_s)
            await asyncio.sleep(pause_s)


def _waits_s(call: Call, error: RelayError) -> list[float | None]:
    """Returns what each provider said of waiting: of several, one that named no time may be there at once."""
    failed = [one for one in call.failures if one.attempt == call.attempts and isinstance(one.error, RETRYABLE)]
    return [one.retry_after_s for one in failed] or [error.retry_after_s]


def _pause_s(attempt: int, retry_after_s: float | None) -> float:
    if retry_after_s is not None:
        return retry_after_s
    backoff_s: float = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (attempt - 1))
    return backoff_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def _fits(pause_s: float, call: Call) -> bool:
    """Tells whether there is time left after the pause; where there is not, the caller had better hear at once."""
    return asyncio.get_running_loop().time() + pause_s < call.deadline


async def _ask_once(call: Call, provider: Provider, patience: Patience) -> Outcome:
    call.expect_word_within(patience.first_token_s)
    provider = _noting(call, provider, patience.first_token_s)
    whole = call.key.kind is Kind.WHOLE
    gap_s = patience.token_gap_s
    async with contextlib.aclosing(provider.stream(call.prompt, whole=whole)) as pieces:
        async for piece in pieces:
            match piece:
                case Text():
                    call.add(piece.text, piece.count)
                    if not whole:  # whose reader takes everything at the end
                        await call.room()
                case Opening():
                    call.start(piece.model, piece.provider)
                case Ending():
                    return Outcome(piece.finish_reason, piece.usage)
                case WholeAnswer():
                    gap_s = math.inf
                case Working():
                    pass  # nothing to show, but a sign of life
            call.expect_word_within(gap_s)
    raise ProviderProtocol("the provider's stream ended before its own end mark")


def _noting(call: Call, provider: Provider, first_word_s: float) -> Provider:
    """Has a provider that is made of several tell of each that fails; the next has its own time for a first word."""
    if not isinstance(provider, Fallback):
        return provider

    def note(name: str, error: RelayError) -> None:
        call.note_failure(name, error)
        call.expect_word_within(first_word_s)

    return provider.noting(note)
