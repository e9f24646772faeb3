"""What is wrong, as a document."""

import json

import pytest

from headrace.web.gateway import GatewayRefusal
from headrace.web.problems import problem, refusal


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (2400, 400), (2401, 401), (2402, 503), (2403, 403), (2404, 404), (2406, 406), (2409, 409), (1010, 403),
        (1011, 403), (1000, 502), (2500, 502),
    ],
)  # fmt: skip
def test_a_refusal_of_srt_has_its_status_in_http(code: int, status: int) -> None:
    answer = refusal(GatewayRefusal(code, "so it is"))
    document = json.loads(bytes(answer.body))
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["detail"].startswith("so it is")
    assert answer.media_type == "application/problem+json"


def test_who_showed_nothing_is_told_what_to_show_and_who_came_too_early_when_to_come_back() -> None:
    assert refusal(GatewayRefusal(2401, "x")).headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in json.loads(bytes(refusal(GatewayRefusal(2401, "x")).body))["detail"]
    assert refusal(GatewayRefusal(2402, "x")).headers["retry-after"] == "5"
    assert "retry-after" not in refusal(GatewayRefusal(2404, "x")).headers


def test_a_problem_without_a_title_has_that_of_http_and_no_cache_keeps_it() -> None:
    answer = problem(413, "too long")
    assert json.loads(bytes(answer.body)) == {
        "title": "Request Entity Too Large",
        "status": 413,
        "detail": "too long",
    }
    assert answer.headers["cache-control"] == "no-store"
