"""Whether the broker lives and lets callers in."""

from starlette.applications import Starlette
from tests.support.web_client import ask

from headrace.web.health import health_routes


def test_a_broker_lives_before_it_is_ready() -> None:
    is_ready = False
    app = Starlette(routes=health_routes(lambda: is_ready))
    assert ask(app, "GET", "/healthz").json() == {"status": "ok"}
    answer = ask(app, "GET", "/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    is_ready = True
    assert ask(app, "GET", "/readyz").json() == {"status": "ready"}
