"""Which models a caller may use."""

from __future__ import annotations

from collections.abc import Sequence

from llm_relay.errors import PermissionDenied
from llm_relay.messages.accounts import CallerAccount
from server_b.pricing.patterns import matches
from server_b.providers.base import AskedModel


def permitted(account: CallerAccount, named: str, asked: Sequence[AskedModel]) -> tuple[AskedModel, ...]:
    """Returns the models that the caller's patterns allow; `named` is the model that the request asks for.

    In a chain, providers whose model is not allowed are skipped. The first one must be allowed, by the name in the
    request or by the name that the provider is asked for. Raises PermissionDenied.
    """
    first, *others = asked
    if not (_may(account, first.provider, named) or _may(account, first.provider, first.model)):
        raise PermissionDenied(
            f"model: {account.name} may not use {first.provider}/{named}, only models that match"
            f" {', '.join(account.models)}"
        )
    return (first, *(one for one in others if _may(account, one.provider, one.model)))


def may_not_use_all(account: CallerAccount, models: Sequence[AskedModel]) -> bool:
    """Tells whether the providers of these models have other models, which the caller may not use."""
    if not account.models:
        return False
    return any(not {"*", "*/*", f"{one.provider}/*"} & set(account.models) for one in models)


def _may(account: CallerAccount, provider: str, model: str) -> bool:
    return any(pattern == "*" or matches(pattern, provider, model) for pattern in account.models)
