"""Reads a server's list of models, in every form that servers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server_b.providers.openai.failures.errors import malformed
from server_b.providers.openai.failures.failure import Failed, failure_of_document, is_failure
from server_b.providers.parsing.json_text import parse

_LISTS = ("data", "models", "body", "result", "results", "items", "resources")
_NAMES = ("id", "model", "name", "slug", "model_id", "model_name", "modelId")


def models_from_wire(body: bytes) -> Mapping[str, Mapping[str, Any]]:
    """Returns the entries of a list of models, by name; none if the server lists none.

    Raises Failed if the server reports a failure instead, or ProviderProtocol if the body is not a list of models.
    """
    try:
        document = parse(body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise malformed("the list of models is not JSON") from error
    models = document
    if isinstance(document, dict):
        named = [name for name in _LISTS if name in document]
        models = next((document[name] for name in named if document[name]), None)
        if models is None and is_failure(document):
            raise Failed(failure_of_document(document, is_first=True))
        if not named:
            raise malformed("the list of models has no `data`")
    if models is None:
        return {}
    if isinstance(models, dict) and all(isinstance(model, dict) for model in models.values()):
        return models
    if not isinstance(models, list):
        raise malformed("the list of models is not a list")
    return {name: model if isinstance(model, dict) else {} for model in models if (name := _name(model))}


def _name(model: object) -> str:
    if isinstance(model, dict):
        model = next((model[name] for name in _NAMES if isinstance(model.get(name), str) and model[name]), "")
    return model if isinstance(model, str) else ""
