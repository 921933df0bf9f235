"""What is left of a caller's rates, as metadata, and back."""

from __future__ import annotations

from llm_relay.messages.accounts import RateLeft, RatesLeft

_KINDS = ("calls", "tokens")


def rates_text(left: RatesLeft) -> str:
    """Returns the rates as text, such as `calls=60/59/1.000,tokens=100000/98000/1.200`."""
    rates = ((kind, getattr(left, kind)) for kind in _KINDS)
    return ",".join(f"{kind}={rate.limit}/{rate.remaining}/{rate.reset_s:.3f}" for kind, rate in rates if rate)


def rates_from_text(text: str | None) -> RatesLeft:
    """Reads the rates. Unreadable ones are left out."""
    found = {}
    for one in (text or "").split(","):
        kind, _, numbers = one.partition("=")
        try:
            limit, remaining, reset_s = numbers.split("/")
            rate = RateLeft(limit=int(limit), remaining=int(remaining), reset_s=float(reset_s))
        except ValueError:
            continue
        if kind in _KINDS:
            found[kind] = rate
    return RatesLeft(**found)
