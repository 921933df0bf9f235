"""Health, models and configuration as JSON, for HTTP and MCP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, NotRequired

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.documents.answers import timestamp
from llm_relay.errors import RelayError
from llm_relay.messages import Models, State, Status


class ProviderHealthDocument(TypedDict):
    """The state of the provider."""

    configured: bool
    status: Annotated[
        Literal["healthy", "degraded", "unspecified"], Field(description="unspecified: it has not been called yet")
    ]
    error: NotRequired[Annotated[str, Field(description="Reason of the last failure, if no success followed")]]


class HealthDocument(TypedDict):
    """The state of Server B. If it cannot be reached: `unhealthy`, with an error and without the rest."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: str
    server: NotRequired[str]
    messagesProcessed: NotRequired[int]
    provider: NotRequired[str]
    ai: NotRequired[ProviderHealthDocument]
    error: NotRequired[str]


class ModelsDocument(TypedDict):
    """The available models."""

    provider: str
    models: list[str]
    default: str
    note: NotRequired[str]


class ConfigDocument(TypedDict):
    """What a call uses if it sets nothing else."""

    provider: str
    defaultModel: str
    temperature: float
    maxTokens: int


def health_document(status: Status) -> HealthDocument:
    """Returns the state of a Server B that answers."""
    ai: ProviderHealthDocument = {"configured": status.provider_configured, "status": status.provider_state.value}
    if status.provider_error:
        ai["error"] = status.provider_error
    return {
        "status": "healthy" if status.state is State.HEALTHY else "degraded",
        "server": status.server,
        "timestamp": timestamp(status.observed_at),
        "messagesProcessed": status.calls_processed,
        "provider": status.provider,
        "ai": ai,
    }


def healthy_document() -> HealthDocument:
    """Returns the state of a Server B that accepts calls, without the details that need a token."""
    return {"status": "healthy", "timestamp": timestamp(datetime.now(UTC))}


def unhealthy_document(error: RelayError) -> HealthDocument:
    """Returns the state of a Server B that does not answer."""
    return {"status": "unhealthy", "timestamp": timestamp(datetime.now(UTC)), "error": error.message}


def models_document(models: Models) -> ModelsDocument:
    """Returns the available models."""
    document: ModelsDocument = {
        "provider": models.provider,
        "models": list(models.models),
        "default": models.default_model,
    }
    if models.note:
        document["note"] = models.note
    return document


def config_document(status: Status) -> ConfigDocument:
    """Returns what a call uses if it sets nothing else."""
    return {
        "provider": status.provider,
        "defaultModel": status.default_model,
        "temperature": status.default_temperature,
        "maxTokens": status.default_max_tokens,
    }
