"""Whether the broker lives, and whether it lets callers in: for those who watch over it."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from headrace.web.problems import problem


def health_routes(is_ready: Callable[[], bool]) -> list[Route]:
    """Return ``/healthz`` and ``/readyz``.

    Args:
        is_ready: Whether the broker knows who may do what.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(_: Request) -> Response:
        if is_ready():
            return JSONResponse({"status": "ready"}, headers={"Cache-Control": "no-store"})
        return problem(503, "the state has not been read yet: try again in a second", headers={"Retry-After": "1"})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
