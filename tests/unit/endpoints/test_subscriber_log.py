"""Few log lines for many subscribers that come, move and go."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from tests.support.srt_datagrams import HERE, THERE

from headrace.endpoints.event_log import EventLog
from headrace.endpoints.line_window import MAX_LINES_PER_WINDOW, WINDOW_US
from headrace.endpoints.subscriber_log import Departure, SubscriberLog

GONE = Departure("A", "10.0.0.1:9000", "timeout", sent_packets=5, resent_packets=1)
START_US = 3_000_000
OVER_US = START_US + WINDOW_US


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_a_line_says_who_came_and_how_far_back_it_starts(lines: list[Any]) -> None:
    log = SubscriberLog(EventLog())
    log.note_connected("A", THERE, 18, START_US)
    log.note_connected("A", THERE, 0, START_US)
    common = {"event": "subscriber connected", "log_level": "info", "channel": "A", "address": "10.0.0.2:6000"}
    assert lines == [
        {**common, "start": "keyframe", "backlog_packets": 18},
        {**common, "start": "live", "backlog_packets": 0},
    ]


def test_a_line_says_who_moved_and_from_where(lines: list[Any]) -> None:
    SubscriberLog(EventLog()).note_moved("A", THERE, HERE, START_US)
    assert lines == [
        {
            "event": "subscriber moved",
            "log_level": "info",
            "channel": "A",
            "address": "10.0.0.2:6000",
            "old_address": "10.0.0.1:5000",
        }
    ]


def test_a_line_says_who_went_and_why(lines: list[Any]) -> None:
    SubscriberLog(EventLog()).note_gone(GONE, START_US, is_dropped=True)
    assert lines == [
        {
            "event": "subscriber gone",
            "log_level": "info",
            "channel": "A",
            "address": "10.0.0.1:9000",
            "reason": "timeout",
            "sent_packets": 5,
            "resent_packets": 1,
        }
    ]


@pytest.mark.parametrize("more", [0, 1, 984])
def test_past_the_limit_only_the_number_of_each_kind_is_told(lines: list[Any], more: int) -> None:
    log = SubscriberLog(EventLog())
    for _ in range(MAX_LINES_PER_WINDOW + more):
        log.note_connected("A", THERE, 0, START_US)
        log.note_moved("A", THERE, HERE, START_US)
        log.note_gone(GONE, START_US, is_dropped=False)
    log.handle_sweep(OVER_US - 1)
    assert len(lines) == 3 * MAX_LINES_PER_WINDOW
    assert log.has_more_to_tell == bool(more)
    log.handle_sweep(OVER_US)
    log.handle_sweep(OVER_US)
    told = {line["event"]: line["left_out"] for line in lines[3 * MAX_LINES_PER_WINDOW :]}
    left_out = {"connected": more, "moved": more, "gone": {"timeout": more}} if more else {}
    assert told == {f"more subscribers {what}": count for what, count in left_out.items()}
    assert not log.has_more_to_tell


def test_only_those_whom_the_broker_gave_up_count_as_dropped_and_are_events() -> None:
    events = EventLog()
    log = SubscriberLog(events)
    log.note_gone(GONE._replace(reason="peer_shutdown"), START_US, is_dropped=False)
    log.note_gone(GONE, START_US, is_dropped=True)
    log.note_gone(GONE._replace(reason="beyond_recovery"), START_US, is_dropped=True)
    assert log.dropped == {"timeout": 1, "beyond_recovery": 1}
    events_told = [(event.what, event.facts["reason"]) for event in events.newest]
    assert events_told == [("subscriber gone", "timeout"), ("subscriber gone", "beyond_recovery")]
