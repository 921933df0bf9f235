"""The documents of the lookup tools as short text for a model to read."""

from __future__ import annotations

from decimal import Decimal

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.documents import ConfigDocument, HealthDocument, ModelsDocument
from llm_relay.documents.accounts import BudgetDocument, IdentityDocument


def health_text(document: HealthDocument) -> str:
    """Describes a server's health in a few sentences."""
    sentences = [f"{document.get('server', 'Server B')} is {document['status']}."]
    if "error" in document:
        sentences.append(f"{document['error']}.")
    if "ai" in document:
        provider = document["ai"]
        reason = f" ({provider['error']})" if "error" in provider else ""
        sentences.append(f"Its provider {document.get('provider', '')} is {provider['status']}{reason}.")
    if "messagesProcessed" in document:
        sentences.append(f"It has processed {document['messagesProcessed']} messages.")
    return " ".join(sentences)


def models_text(document: ModelsDocument) -> str:
    """Lists the models, one per line."""
    lines = [f"{document['provider']} offers (default: {document['default']}):", *document["models"]]
    if "note" in document:
        lines.append(document["note"])
    return "\n".join(lines)


def config_text(document: ConfigDocument) -> str:
    """Describes the defaults in a sentence."""
    return (
        f"Defaults: provider {document['provider']}, model {document['defaultModel']},"
        f" temperature {document['temperature']:g}, at most {document['maxTokens']} tokens."
    )


def identity_text(document: IdentityDocument) -> str:
    """Describes who the caller is, and what is left of its budgets, one per line."""
    lines = [f"You are {document['name']}{', an admin' if document['is_admin'] else ''}."]
    if document["models"]:
        lines.append(f"You may use {', '.join(document['models'])}.")
    lines += [
        f"At most {limit} {name.replace('_', ' ')}." for name, limit in document["rates"].items() if limit is not None
    ]
    lines += map(_budget_text, document["budgets"])
    return "\n".join(lines)


def _budget_text(budget: BudgetDocument) -> str:
    scope = budget["caller"] if "caller" in budget else f"tag {budget['tag']}"
    left, limit = (_usd(budget[name]) for name in ("remaining_nano_usd", "limit_nano_usd"))
    resets = f"; it resets at {budget['resets_at']}" if budget["resets_at"] else ""
    return f"Of the budget of {scope} ({budget['period']}), {left} of {limit} is left{resets}."


def _usd(nano_usd: object) -> str:
    return f"${Decimal(str(nano_usd)) / NANO_USD_PER_USD:f}"
