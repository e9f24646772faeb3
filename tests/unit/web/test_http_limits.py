"""How much each host may ask."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from tests.support.web_client import ask

from headrace.web import http_limits
from headrace.web.http_limits import CHANGE_COST, REQUESTS_AT_ONCE, REQUESTS_PER_SECOND, HostLimits, RequestLimits


def test_a_host_has_so_many_at_once_and_then_so_many_a_second_and_others_have_theirs() -> None:
    limits = HostLimits()
    granted = [limits.afford("192.0.2.1", 1, 0) for _ in range(REQUESTS_AT_ONCE + 1)]
    assert granted.count(True) == REQUESTS_AT_ONCE
    assert not granted[-1]
    assert limits.afford("192.0.2.2", 1, 0)
    granted = [limits.afford("192.0.2.1", 1, 1_000_000) for _ in range(REQUESTS_PER_SECOND + 1)]
    assert granted == [True] * REQUESTS_PER_SECOND + [False]
    assert limits.counts["refused"] == 2


def test_no_more_hosts_are_remembered_than_so_many() -> None:
    limits = HostLimits()
    for number in range(http_limits.MAX_HOSTS + 10):
        limits.afford(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1, 0)
    assert len(limits._buckets) == http_limits.MAX_HOSTS


def test_who_asks_too_much_is_told_to_wait_and_changes_count_as_more() -> None:
    app = Starlette(middleware=[Middleware(RequestLimits, limits=HostLimits(), now_us=lambda: 0)])
    statuses = [ask(app, "POST", "/").status_code for _ in range(REQUESTS_AT_ONCE // CHANGE_COST + 1)]
    assert statuses == [404] * (REQUESTS_AT_ONCE // CHANGE_COST) + [429]
    assert ask(app, "GET", "/").headers["retry-after"] == "1"
    assert ask(app, "GET", "/", host="192.0.2.200").status_code == 404
