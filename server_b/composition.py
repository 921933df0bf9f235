"""Builds a Relay from settings, for the gRPC server, the MCP servers and the coroutines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_relay import VERSION
from llm_relay.addresses import is_loopback_host
from llm_relay.caller_tokens import Tokens
from llm_relay.messages import Usage
from llm_relay.program.metrics.publishing import is_metered
from llm_relay.program.processes.supervised import OWN_TOKENS_VARIABLE
from llm_relay.program.traces.tracing import span_export, traced
from server_b.accounting.cost_bound import Estimate
from server_b.accounting.gate_without_ledger import GateWithoutLedger
from server_b.accounting.ledger_gate import LedgerGate
from server_b.accounting.rates_left import RatesSeen
from server_b.authentication import Authenticator
from server_b.core.calls.record import Observer
from server_b.core.relay import Relay
from server_b.core.runner.gate import Gate
from server_b.observers.call_log import CallLog
from server_b.pricing.endpoints import price_lists
from server_b.pricing.operator_prices import OperatorPrices
from server_b.pricing.price_list import PriceList
from server_b.providers.base import Provider
from server_b.settings import ServerBSettings

if TYPE_CHECKING:
    from server_b.grpc_server.accounts.servicer import Accounts
    from server_b.ledger.alerts.delivery import Receiver
    from server_b.ledger.base import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The Relay, with its ledger and its prices."""

    relay: Relay
    ledger: Ledger | None
    """None with LEDGER=off."""
    prices: Mapping[str, PriceList]
    """Price lists by provider name."""
    admins: frozenset[str]
    """RELAY_ADMINS."""
    rates: RatesSeen
    """What callers' rates have left."""


@contextlib.asynccontextmanager
async def open_core(settings: ServerBSettings) -> AsyncIterator[Core]:
    """Opens the ledger and the providers that the settings name, and a Relay that uses them.

    Raises ValueError that names a bad setting, or a ledger that cannot be opened.
    """
    # This generator must not contain another one: an event loop that ends closes all generators at once.
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(traced("server_b", settings.file))
        ledger = await _open_ledger(settings, stack) if settings.has_ledger else None
        providers = create_providers(settings)
        provider = chained(providers, settings)
        stack.push_async_callback(provider.close)
        prices = _price_lists(providers, settings, ledger)
        # The first lookup in a price list is slow: better now than during a stream.
        for one in providers:
            prices[one.name].cost(one.default_model, Usage(input_tokens=1, output_tokens=1))
        rates = RatesSeen()
        relay = Relay(
            provider,
            prices=prices,
            defaults=settings.defaults,
            limits=settings.limits,
            gate=_gate(provider, prices, settings, ledger, rates),
            observers=[CallLog(), *_metrics(), *_spans()],
            version=VERSION,
        )
        stack.push_async_callback(relay.aclose)
        if is_metered():
            from server_b.observers.call_metrics import Gauges

            stack.callback(Gauges(lambda: relay.running_calls, ledger).stop)
        yield Core(relay=relay, ledger=ledger, prices=prices, admins=settings.admins, rates=rates)


def create_authenticator(settings: ServerBSettings, ledger: Ledger | None, *, host: str) -> Authenticator:
    """Returns the authenticator of a server that listens on `host`."""
    own = os.environ.get(OWN_TOKENS_VARIABLE, "")
    return Authenticator(
        settings.tokens,
        own_tokens=Tokens.parse(own, (entry.partition(":")[0] for entry in own.split(","))),
        books=ledger,
        admins=settings.admins,
        anonymous_allowed=settings.relay_insecure or is_loopback_host(host),
    )


def create_accounts(settings: ServerBSettings, core: Core) -> Accounts | None:
    """Returns what AccountService needs; None without a ledger."""
    if core.ledger is None:
        return None
    from server_b.grpc_server.accounts.servicer import Accounts
    from server_b.pricing.price_lookup import PriceLookup

    ledger, prices = core.ledger, PriceLookup(core.prices, settings.models)
    return Accounts(
        ledger=ledger,
        prices=prices,
        list_models=core.relay.list_models,
        rates_left=lambda caller: core.rates.left(caller, ledger.policy),
    )


@contextlib.asynccontextmanager
async def open_relay(settings: ServerBSettings) -> AsyncIterator[Relay]:
    """Opens a Relay and everything it needs. Raises ValueError as `open_core` does."""
    async with open_core(settings) as core:
        yield core.relay


async def _open_ledger(settings: ServerBSettings, stack: contextlib.AsyncExitStack) -> Ledger:
    from server_b.ledger.open_ledger import open_ledger

    ledger = await open_ledger(
        settings.ledger_url,
        folder=settings.ledger_folder,
        is_full_sync=settings.ledger_sync == "full",
        time_zone=settings.ledger_time_zone,
        keep_days=settings.ledger_keep_days or None,
        alert_thresholds=settings.thresholds,
        alert_receiver=_alert_receiver(settings),
    )
    stack.push_async_callback(ledger.aclose, grace_s=settings.drain_seconds)
    return ledger


def _alert_receiver(settings: ServerBSettings) -> Receiver | None:
    if not settings.alert_webhook_url:
        return None
    from server_b.ledger.alerts.webhook import Webhook

    return Webhook(
        settings.alert_webhook_url,
        secret=settings.alert_webhook_secret.get_secret_value(),
        allow_private=settings.alert_allow_private,
    )


def _price_lists(
    providers: Sequence[Provider], settings: ServerBSettings, ledger: Ledger | None
) -> dict[str, PriceList]:
    listed = price_lists({one.name: one.endpoint for one in providers})
    if ledger is None and not settings.set_prices:
        return listed
    of_ledger = (lambda: ledger.policy.prices) if ledger is not None else tuple
    return {name: OperatorPrices(name, prices, settings.set_prices, of_ledger) for name, prices in listed.items()}


def _gate(
    provider: Provider,
    prices: Mapping[str, PriceList],
    settings: ServerBSettings,
    ledger: Ledger | None,
    rates: RatesSeen,
) -> Gate:
    if ledger is None:
        return GateWithoutLedger(provider, prices)
    return LedgerGate(ledger, provider, prices, estimate=Estimate(settings.budget_estimate), rates=rates)


def _metrics() -> list[Observer]:
    """Returns the observer that counts calls, if metrics are published."""
    if not is_metered():
        return []
    from server_b.observers.call_metrics import CallMetrics

    return [CallMetrics()]


def _spans() -> list[Observer]:
    """Returns the observer that exports spans of calls, if traces are on."""
    export = span_export()
    if export is None:
        return []
    from server_b.observers.call_spans import CallSpans

    return [CallSpans(export)]


def create_providers(settings: ServerBSettings) -> list[Provider]:
    """Returns the providers of AI_PROVIDER, in order. Raises ValueError that names a bad setting."""
    return [create_provider(name, settings) for name in settings.providers]


def chained(providers: Sequence[Provider], settings: ServerBSettings) -> Provider:
    """Returns the one provider that the Relay asks: a Fallback if there are several, or if MODEL_MAP applies."""
    if len(providers) == 1 and not any(name == providers[0].name for name, _ in settings.models):
        return providers[0]
    from server_b.providers.fallback import Fallback

    return Fallback(providers, settings.models, retry_maybe_worked=settings.retry_maybe_worked)


def create_provider(name: str, settings: ServerBSettings) -> Provider:
    """Returns the provider with this name, imported only now. Raises ValueError that names a bad setting."""
    match name:
        case "openai":
            from server_b.providers.openai.interfaces import Api
            from server_b.providers.openai.provider import OpenAIProvider

            return OpenAIProvider(
                api_key=settings.openai_api_key.get_secret_value(),
                base_url=settings.openai_base_url,
                default_model=settings.openai_default_model,
                defaults=settings.defaults,
                fetches_urls=settings.provider_fetches_urls,
                api=Api(settings.openai_api),
            )
        case "bedrock":
            from server_b.providers.bedrock.provider import BedrockProvider

            return BedrockProvider(
                access_key_id=settings.aws_access_key_id.get_secret_value(),
                secret_access_key=settings.aws_secret_access_key.get_secret_value(),
                session_token=settings.aws_session_token.get_secret_value(),
                profile=settings.aws_profile,
                region=settings.aws_region,
                endpoint_url=settings.aws_endpoint_url_bedrock_runtime,
                default_model=settings.bedrock_default_model,
                defaults=settings.defaults,
            )
        case _:
            from server_b.providers.mock.provider import MockProvider

            return MockProvider(
                delay_s=settings.mock_delay_seconds,
                word_delay_s=settings.mock_word_delay_seconds,
                faults_allowed=settings.mock_faults,
            )
