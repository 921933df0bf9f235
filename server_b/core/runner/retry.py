"""Asks the provider, and retries if that can help and cannot be billed twice."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from dataclasses import dataclass

from llm_relay.errors import ProviderProtocol, RelayError
from llm_relay.messages import FinishReason, Usage
from server_b.core.calls.attempt import Attempt
from server_b.core.calls.call import Call
from server_b.core.calls.call_key import Delivery
from server_b.core.calls.provider_names import kept_name
from server_b.core.limits import Patience
from server_b.core.token_estimates.text_tokens import estimated_tokens
from server_b.providers.base import (
    TRANSIENT,
    AttemptBegan,
    AttemptFailed,
    Counting,
    Ending,
    Opening,
    Provider,
    Text,
    WholeAnswer,
    Working,
)

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 5.0
MAX_TIER_CHARS = 64
"""Longest name of a service tier that is kept of a provider's answer."""
MIN_PAUSE_S = 0.1
"""Shortest pause between two tries, even if the provider allows the next one at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the provider ended an answer."""

    finish_reason: FinishReason
    usage: Usage | None = None
    """None: the provider gave no count."""
    service_tier: str = ""
    """Tier that the provider says it used."""


async def ask(call: Call, provider: Provider, patience: Patience) -> Outcome:
    """Asks the provider and writes its answer into the call. Raises the provider's RelayError."""
    round_ = 1
    while True:
        try:
            return await _ask_once(call, provider, patience, round_)
        except RelayError as error:
            call.end_attempt(error)
            pause_s = _pause_before_next_try_s(call, round_, patience)
            if pause_s is None:
                raise
        call.expect_event_within(math.inf)  # nobody is asked meanwhile
        await asyncio.sleep(pause_s)
        round_ += 1


async def _ask_once(call: Call, provider: Provider, patience: Patience, round_: int) -> Outcome:
    call.begin_attempt(round_, provider.name, call.prompt.model or provider.default_model)
    call.expect_event_within(patience.first_token_s)
    gap_s = patience.token_gap_s
    pieces = provider.stream(call.prompt, whole=call.key.delivery is Delivery.WHOLE)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            match piece:
                case Text():
                    call.add(piece.text, piece.count, piece.index)
                    await call.room()
                case Opening() | Working() | Counting():
                    _note(call, piece)
                case Ending():
                    call.end_attempt()
                    return Outcome(piece.finish_reason, piece.usage, kept_name(piece.service_tier, MAX_TIER_CHARS))
                case WholeAnswer():
                    gap_s = math.inf
                case AttemptBegan():
                    call.begin_attempt(round_, piece.provider, piece.model)
                    gap_s = patience.token_gap_s
                    call.expect_event_within(patience.first_token_s)
                    continue
                case AttemptFailed():
                    call.end_attempt(piece.error)
                case _:
                    call.add_content(piece)
                    await call.room()
            call.expect_event_within(gap_s)
    raise ProviderProtocol("the provider's stream ended before its own end mark")


def _note(call: Call, piece: Opening | Working | Counting) -> None:
    """Records a piece that has nothing to show."""
    attempt = call.attempts[-1]
    match piece:
        case Opening():
            attempt.responded = True
            call.note_asked_before(piece.asked_before)
            call.start(piece.model, piece.priced_as)
        case Working():  # a sign of life
            attempt.responded |= piece.has_begun
            if piece.reasoning:
                call.reasoning_tokens += estimated_tokens(piece.reasoning)
        case Counting():
            attempt.responded = True
            attempt.counting = piece


def _pause_before_next_try_s(call: Call, round_: int, patience: Patience) -> float | None:
    """Returns the pause before the next try, in seconds; None: there is no next try, and the call fails at once."""
    tried = [attempt for attempt in call.attempts if attempt.round == round_]
    waits_s = [_wait_s(attempt, round_) for attempt in tried if _may_pass(attempt)]
    worked = any(attempt.may_have_worked for attempt in tried)
    if call.started or not waits_s or round_ >= patience.attempts or (worked and not patience.retry_maybe_worked):
        return None
    pause_s = min(waits_s)
    return pause_s if asyncio.get_running_loop().time() + pause_s < call.deadline else None


def _may_pass(attempt: Attempt) -> bool:
    return isinstance(attempt.error, TRANSIENT) and attempt.error.repeat_helps


def _wait_s(attempt: Attempt, round_: int) -> float:
    """Returns how long the provider asks to wait, in seconds; by default, an exponential backoff with jitter."""
    if attempt.error is not None and attempt.error.retry_after_s is not None:
        return max(attempt.error.retry_after_s, MIN_PAUSE_S)
    backoff_s: float = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (round_ - 1))
    return backoff_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
