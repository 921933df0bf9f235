"""The x-ratelimit-* headers of OpenAI's interface: what is left of the caller's rates."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from llm_relay.messages.accounts import RateLeft, RatesLeft

_STATE = "rate_headers"
_NAMES = {"calls": "requests", "tokens": "tokens"}


def rate_headers(left: RatesLeft) -> dict[str, str]:
    """Returns the headers; none if the caller has no rates."""
    headers: dict[str, str] = {}
    for kind, name in _NAMES.items():
        rate: RateLeft | None = getattr(left, kind)
        if rate is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(rate.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(rate.remaining)
            headers[f"x-ratelimit-reset-{name}"] = f"{rate.reset_s:g}s"
    return headers


def rates_of(scope: Scope) -> dict[str, str]:
    """Returns the rate headers of a request's response. They are filled later, when the rates are known."""
    headers: dict[str, str] = scope["state"].setdefault(_STATE, {})
    return headers


def with_rates(scope: Scope, send: Send) -> Send:
    """Returns a `send` that adds the rate headers to any response."""

    async def send_with_rates(message: Message) -> None:
        rates = scope["state"].get(_STATE) if message["type"] == "http.response.start" else None
        if rates:
            there = {name for name, _ in message["headers"]}  # an error may have set them itself
            headers = [(name.encode(), value.encode()) for name, value in rates.items()]
            message = {
                **message,
                "headers": [*message["headers"], *(header for header in headers if header[0] not in there)],
            }
        await send(message)

    return send_with_rates
