"""The routes of /docs. They need no token, because a browser sends none when it opens a page."""

from __future__ import annotations

from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.response_headers import NO_STORE, PAGE_SECURITY_HEADERS

_FOLDER = Path(__file__).parent
_HEADERS = {"Cache-Control": NO_STORE, **PAGE_SECURITY_HEADERS}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> Response:
    return FileResponse(_FOLDER / "page.html", headers=_HEADERS)


@router.get("/docs/")
async def page_with_slash() -> Response:
    """Redirects to the page, whose links are relative to its path."""
    return RedirectResponse("../docs", 307, headers=_HEADERS)


@router.get("/docs/start.js")
async def start() -> Response:
    return FileResponse(_FOLDER / "start.js", headers=_HEADERS)


@router.get("/docs/openapi.json")
async def document(request: Request) -> Response:
    """Returns /openapi.json without a token: it describes this version, and nothing about this installation."""
    app: FastAPI = request.app
    return Response(orjson.dumps(app.openapi()), headers=_HEADERS, media_type="application/json")


def create_assets() -> StaticFiles:
    """Returns Swagger UI's files, from the package fastapi-offline."""
    return StaticFiles(packages=[("fastapi_offline", "static")])
