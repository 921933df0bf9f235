"""The OpenAPI document: FastAPI's, plus the shapes and the security scheme of the requests that we parse ourselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

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
        _restore_nulls(document, app.routes)
        return document

    return openapi


def _restore_nulls(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Sets the examples of responses again, because FastAPI removes every null from them."""
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                described = document["paths"][route.path_format][method.lower()]["responses"]
                for status, response in route.responses.items():
                    for media_type, content in response["content"].items():
                        if "example" in content:
                            described[str(status)]["content"][media_type]["example"] = content["example"]
