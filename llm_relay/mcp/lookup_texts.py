"""The documents of the lookup tools as short text for a model to read."""

from __future__ import annotations

from llm_relay.documents import ConfigDocument, HealthDocument, ModelsDocument


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
    """Lists the models, one a line."""
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
