"""A caller in a loop does not flood the log."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from tests.support.srt_datagrams import THERE

from headrace.endpoints.event_log import EventLog
from headrace.endpoints.line_window import MAX_LINES_PER_WINDOW, WINDOW_US
from headrace.endpoints.refusal_log import RefusalLog
from headrace.srt.handshake import Handshake
from headrace.srt.listener import ConnectionRequest

HANDSHAKE = Handshake(5, 0, 1, 1, 1500, 8192, 0xFFFF_FFFF, 7, stream_id="publish:A")
REQUEST = ConnectionRequest(THERE, 0, HANDSHAKE)
START_US = 5_000_000


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_a_refusal_is_logged_with_who_and_what_and_why(lines: list[Any]) -> None:
    RefusalLog(EventLog()).note(REQUEST, 2409, "the channel has a live producer", START_US)
    assert lines == [
        {
            "event": "connection refused",
            "log_level": "info",
            "address": "10.0.0.2:6000",
            "stream_id": "publish:A",
            "code": 2409,
            "why": "the channel has a live producer",
        }
    ]


def test_a_refusal_shows_no_key(lines: list[Any]) -> None:
    request = replace(REQUEST, handshake=replace(HANDSHAKE, stream_id="publish:A:hrk_" + "a" * 32))
    events = EventLog()
    RefusalLog(events).note(request, 2401, "unauthorized", START_US)
    assert lines[0]["stream_id"] == events.newest[0].facts["stream_id"] == "publish:A:***"
    assert "hrk_" not in repr(request)


def test_all_refusals_are_counted_by_code_and_those_of_the_log_are_events(lines: list[Any]) -> None:
    events = EventLog()
    log = RefusalLog(events)
    for _ in range(MAX_LINES_PER_WINDOW + 7):
        log.note(REQUEST, 2409, "", START_US)
    log.note(REQUEST, 2400, "", START_US)
    assert log.by_code == {2409: MAX_LINES_PER_WINDOW + 7, 2400: 1}
    assert len(events.newest) == MAX_LINES_PER_WINDOW


def test_as_many_as_the_limit_are_logged_and_one_more_is_not(lines: list[Any]) -> None:
    log = RefusalLog(EventLog())
    for number in range(MAX_LINES_PER_WINDOW):
        log.note(REQUEST, 2409, "", START_US + number)
    assert len(lines) == MAX_LINES_PER_WINDOW
    assert log.poll_timer() is None
    log.note(REQUEST, 2409, "", START_US + 100)
    assert len(lines) == MAX_LINES_PER_WINDOW
    assert log.poll_timer() == START_US + WINDOW_US


def test_at_the_end_of_the_window_it_says_how_many_were_left_out_once(lines: list[Any]) -> None:
    log = RefusalLog(EventLog())
    for _ in range(MAX_LINES_PER_WINDOW + 7):
        log.note(REQUEST, 2409, "", START_US)
    log.handle_timer(START_US + WINDOW_US - 1)
    assert len(lines) == MAX_LINES_PER_WINDOW
    log.handle_timer(START_US + WINDOW_US)
    log.handle_timer(START_US + WINDOW_US)
    assert lines[MAX_LINES_PER_WINDOW:] == [
        {"event": "more connections refused", "log_level": "warning", "left_out": 7, "within_seconds": 10}
    ]
    assert log.poll_timer() is None


def test_the_next_window_logs_again_and_says_first_what_was_left_out(lines: list[Any]) -> None:
    log = RefusalLog(EventLog())
    for _ in range(MAX_LINES_PER_WINDOW + 1):
        log.note(REQUEST, 2409, "", START_US)
    log.note(REQUEST, 2400, "", START_US + WINDOW_US)
    assert [line["event"] for line in lines[MAX_LINES_PER_WINDOW:]] == [
        "more connections refused",
        "connection refused",
    ]
    for _ in range(MAX_LINES_PER_WINDOW):
        log.note(REQUEST, 2400, "", START_US + WINDOW_US + 1)
    assert log.poll_timer() == START_US + 2 * WINDOW_US


def test_bugs_that_callers_meet_are_logged_within_the_same_limit(lines: list[Any]) -> None:
    log, error = RefusalLog(EventLog()), ZeroDivisionError()
    for _ in range(MAX_LINES_PER_WINDOW):
        log.note_bug(error, START_US)
    assert [(line["log_level"], line["exc_info"]) for line in lines] == [("error", error)] * MAX_LINES_PER_WINDOW
    log.note_bug(error, START_US)
    log.note(REQUEST, 2409, "", START_US)
    log.handle_timer(START_US + WINDOW_US)
    assert lines[MAX_LINES_PER_WINDOW:] == [
        {"event": "more connections refused", "log_level": "warning", "left_out": 2, "within_seconds": 10}
    ]
