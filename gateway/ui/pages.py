"""The pages and their files."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.response_headers import PAGE_SECURITY_HEADERS

_ASSETS = Path(__file__).parent / "assets"
_HEADERS = {"Cache-Control": "no-cache", "Referrer-Policy": "no-referrer", **PAGE_SECURITY_HEADERS}
PAGES = {"/ui/": "overview", "/ui/playground": "playground", "/ui/operate": "operate", "/ui/sign-in": "sign-in"}

router = APIRouter(include_in_schema=False)


class Assets(StaticFiles):
    """The files of the pages, each with the pages' headers."""

    def __init__(self) -> None:
        super().__init__(directory=_ASSETS)

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Returns a file, or 304 if it has not changed."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # as it was called
        response.headers.update(_HEADERS)
        return response


@router.get("/ui")
async def without_slash() -> Response:
    """Redirects to the first page, whose links are relative to it."""
    return RedirectResponse("ui/", headers=_HEADERS)


def _add(path: str, name: str) -> None:
    @router.get(path, name=name)
    async def page() -> Response:
        return FileResponse(_ASSETS / f"{name}.html", headers=_HEADERS)


for _path, _name in PAGES.items():
    _add(_path, _name)
