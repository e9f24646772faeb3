"""uvicorn as a part of our event loop."""

import logging

import structlog
from starlette.types import Receive, Scope, Send

from headrace.web.guarded_protocol import GuardedProtocol
from headrace.web.http_config import HttpConfig
from headrace.web.uvicorn_server import make_server


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError


def test_it_tells_nothing_of_who_asked_for_what() -> None:
    config = make_server(nothing, HttpConfig()).config
    assert not config.access_log
    assert not config.server_header
    with structlog.testing.capture_logs() as lines:
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("uvicorn.error").error("a bug", exc_info=ZeroDivisionError())
    assert [line["event"] for line in lines] == ["a request met a bug; the broker goes on"]


def test_two_servers_count_their_own_connections() -> None:
    first, second = (make_server(nothing, HttpConfig()).config.http for _ in range(2))
    assert isinstance(first, type)
    assert isinstance(second, type)
    assert issubclass(first, GuardedProtocol)
    assert issubclass(second, GuardedProtocol)
    assert first.counts is not second.counts
