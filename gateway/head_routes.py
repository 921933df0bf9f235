"""HEAD for every GET route: monitors ask for the head alone."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute


def head_routes(routes: Iterable[BaseRoute]) -> list[APIRoute]:
    """Returns a route that answers HEAD as GET for each that has GET alone. The HTTP server leaves the body out."""
    return [
        APIRoute(route.path, route.endpoint, methods=["HEAD"], include_in_schema=False)
        for route in routes
        if isinstance(route, APIRoute) and route.methods == {"GET"}
    ]
