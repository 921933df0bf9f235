"""x-ratelimit-*: what is left of the caller's rates, in the headers that OpenAI's clients know."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from llm_relay.messages.accounts import RateLeft, RatesLeft

_STATE = "rate_headers"
_NAMES = {"calls": "requests", "tokens": "tokens"}


def rate_headers(left: RatesLeft) -> dict[str, str]:
    """Returns the headers; none where there are no rates."""
    headers: dict[str, str] = {}
    for kind, name in _NAMES.items():
        rate: RateLeft | None = getattr(left, kind)
        if rate is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(rate.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(rate.remaining)
            headers[f"x-ratelimit-reset-{name}"] = f"{rate.reset_s:g}s"
    return headers


def rates_of(scope: Scope) -> dict[str, str]:
    """Returns the headers of a request's response, to be filled as soon as they are known."""
    headers: dict[str, str] = scope["state"].setdefault(_STATE, {})
    return headers


def with_rates(scope: Scope, send: Send) -> Send:
    """Returns a `send` that adds the headers to the response, whatever it is."""

    async def send_with_rates(message: Message) -> None:
        rates = scope["state"].get(_STATE) if message["type"] == "http.response.start" else None
        if rates:
            there = {name for name, _ in message["headers"]}  # of an error that says it itself
            headers = [(name.encode(), value.encode()) for name, value in rates.items()]
            message = {
                **message,
                "headers": [*message["headers"], *(header for header in headers if header[0] not in there)],
            }
        await send(message)

    return send_with_rates
