"""HEAD for every GET route, because monitors send HEAD."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


def head_routes(routes: Iterable[BaseRoute]) -> list[APIRoute]:
    """Returns a HEAD route for each route that only has GET. The HTTP server leaves out the body."""
    return [
        APIRoute(route.path, route.endpoint, methods=["HEAD"], include_in_schema=False)
        for route in routes
        if isinstance(route, APIRoute) and route.methods == {"GET"}
    ]
