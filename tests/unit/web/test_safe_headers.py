"""Headers that every answer has."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from tests.support.web_client import ask

from headrace.web.safe_headers import SafeHeaders


def test_every_answer_has_them() -> None:
    app = Starlette(middleware=[Middleware(SafeHeaders)])
    assert ask(app, "GET", "/nothing").headers["x-content-type-options"] == "nosniff"
