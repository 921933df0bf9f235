"""Models as OpenAI lists them."""

from __future__ import annotations

from typing import Any

from llm_relay.documents import ModelsDocument
from llm_relay.messages import Models


class ModelListDocument(ModelsDocument):
    """The models that can be asked for, as the relay and as OpenAI list them."""

    object: str
    data: list[dict[str, Any]]


CREATED = 0
"""When a model was made is not known."""


def model_documents(models: Models) -> list[dict[str, Any]]:
    """Returns every model that can be asked for, the default one too."""
    names = dict.fromkeys((*models.models, models.default_model))
    return [model_document(name, models.provider) for name in names if name]


def model_document(name: str, provider: str) -> dict[str, Any]:
    """Returns one model."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": provider}
