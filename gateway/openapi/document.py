"""The OpenAPI document: FastAPI's, plus the shapes and the security scheme of the requests that we parse ourselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from gateway.openapi.requests import SECURITY_SCHEMES
from gateway.openapi.schemas import other_schemas

CALLS, SERVER, ACCOUNTS = "Calls", "Server", "Accounts"
TAGS = [
    {"name": CALLS, "description": "Ask a model, whole or streamed, and stop a running call."},
    {"name": ACCOUNTS, "description": "What calls cost, and what is left of budgets. Needs Server B's ledger."},
    {"name": SERVER, "description": "The models, configuration and health of Server B."},
]


def describing(app: FastAPI, schemas: Callable[[], Mapping[str, Any]]) -> Callable[[], dict[str, Any]]:
    """Returns the function to use as the application's `openapi` (FastAPI's guide, "Extending OpenAPI").

    `schemas` returns the shapes of other interfaces, by name.
    """
    describe = app.openapi

    @functools.cache
    def openapi() -> dict[str, Any]:
        document = describe()
        components = document.setdefault("components", {})
        components["schemas"] = dict(sorted({**other_schemas(), **schemas(), **components.get("schemas", {})}.items()))
        components["securitySchemes"] = SECURITY_SCHEMES
        return document

    return openapi
