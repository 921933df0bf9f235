"""Lists of models in OpenAI's shape."""

from __future__ import annotations

from typing import Any

from llm_relay.documents import ModelsDocument
from llm_relay.messages import Models


class ModelListDocument(ModelsDocument):
    """The available models, in the relay's shape and in OpenAI's."""

    object: str
    data: list[dict[str, Any]]


CREATED = 0
"""The relay does not know when a model was created."""


def model_documents(models: Models) -> list[dict[str, Any]]:
    """Returns every available model, including the default."""
    names = dict.fromkeys((*models.models, models.default_model))
    return [model_document(name, models.provider) for name in names if name]


def model_document(name: str, provider: str) -> dict[str, Any]:
    """Returns one model."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": provider}
