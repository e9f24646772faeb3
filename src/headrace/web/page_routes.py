"""The pages and their files.

Source: ``assets/README.md`` beside this file.
"""

from collections.abc import Awaitable, Callable
from mimetypes import guess_type
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from headrace.web.page_files import PageFiles, render_page

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
    "/": ("directory", "watch"),
    "/watch/{channel}": ("watch",),
    "/produce": ("produce",),
    "/operate": ("operate",),
}
"""The page itself, and the one that somebody goes to from there."""
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Return the routes of all pages and assets.

    Args:
        folder: Where ``pages`` and ``assets`` are.
    """
    files = PageFiles(folder / "assets")
    routes: list[BaseRoute] = []
    for path, (name, *next_names) in _PAGES.items():
        modules = files.modules_of(*(f"{one}.js" for one in (name, *next_names)))
        html = (folder / "pages" / f"{name}.html").read_text("utf-8")
        routes.append(Route(path, _page(render_page(html, files.version, modules))))
    routes.append(Route("/assets/{path:path}", _assets(files)))
    return routes


def _page(html: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers=PAGE_HEADERS)

    return page


def _assets(files: PageFiles) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves files: a browser keeps those of this version for good, and asks for others each time."""

    async def asset(request: Request) -> Response:
        path = request.path_params["path"]
        found = files.find(path)
        if found is None:
            raise HTTPException(404)
        content, is_for_good = found
        etag = f'"{files.version}"'
        headers = {"Cache-Control": _FOR_GOOD if is_for_good else "no-cache", "ETag": etag}
        if request.headers.get("If-None-Match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=guess_type(path)[0], headers=headers)

    return asset
