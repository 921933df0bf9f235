"""JSON responses that no cache stores."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from gateway.response_headers import NO_STORE


def json_response(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Returns a response with a document. FastAPI would validate it again and serialize it more slowly."""
    return Response(orjson.dumps(document), status, {"Cache-Control": NO_STORE, **(headers or {})}, "application/json")
