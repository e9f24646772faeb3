"""The pages and their files.

Source: ``assets/README.md`` beside this file.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from headrace.web.page_files import VERSION_DIGITS, modules_of, render_page, version_of

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
_VERSION: Final = re.compile(f"[0-9a-f]{{{VERSION_DIGITS}}}")
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


class _Assets(StaticFiles):
    """Files: those of this version are a browser's for good, all others it asks for again each time."""

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(directory=folder)
        self._version = version

    async def get_response(self, path: str, scope: Scope) -> Response:
        version, _, rest = path.partition("/")
        # A page that was open while the broker was renewed asks for files of the version before.
        is_versioned = _VERSION.fullmatch(version) is not None
        response = await super().get_response(rest if is_versioned else path, scope)
        is_good = version == self._version and response.status_code in {200, 206, 304}
        response.headers["Cache-Control"] = _FOR_GOOD if is_good else "no-cache"
        return response


def page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Return the routes of all pages and assets.

    Args:
        folder: Where ``pages`` and ``assets`` are.
    """
    assets = folder / "assets"
    version = version_of(assets)
    routes: list[BaseRoute] = []
    for path, (name, *next_names) in _PAGES.items():
        modules = modules_of(assets / "js", *(f"{one}.js" for one in (name, *next_names)))
        html = (folder / "pages" / f"{name}.html").read_text("utf-8")
        routes.append(Route(path, _page(render_page(html, version, modules))))
    routes.append(Mount("/assets", _Assets(assets, version)))
    return routes


def _page(html: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers=PAGE_HEADERS)

    return page
