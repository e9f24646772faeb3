"""The pages and their files, served as they are.

Source: ``assets/README.md`` beside this file.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing of another host, no script or style that stands in a page, and no page of ours within another one."""
PAGE_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # The address of a page may hold a token.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "Cache-Control": "no-cache",
}
_PAGES: Final = {
    "/": "directory.html",
    "/watch/{channel}": "watch.html",
    "/produce": "produce.html",
    "/operate": "operate.html",
}


class _Assets(StaticFiles):
    """Files that a browser asks for again each time, and gets only if they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Return the routes of all pages and assets.

    Args:
        folder: Where ``pages`` and ``assets`` are.
    """
    routes: list[BaseRoute] = [Route(path, _page(folder / "pages" / name)) for path, name in _PAGES.items()]
    routes.append(Mount("/assets", _Assets(directory=folder / "assets")))
    return routes


def _page(file: Path) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return FileResponse(file, headers=PAGE_HEADERS)

    return page
