"""Few log lines for many subscribers that go."""

from typing import Any

import pytest
import structlog

from headrace.endpoints.departures import MAX_LINES_PER_SWEEP, Departure, DepartureLog
from headrace.endpoints.event_log import EventLog

GONE = Departure("A", "10.0.0.1:9000", "timeout", sent_packets=5, resent_packets=1)


def lines_of(log: DepartureLog, departures: int) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as lines:
        for _ in range(departures):
            log.note(GONE, is_dropped=True)
        log.handle_sweep()
    return [dict(line) for line in lines]


def test_a_line_says_who_went_and_why() -> None:
    (line,) = lines_of(DepartureLog(EventLog()), 1)
    assert line == {
        "event": "subscriber gone",
        "log_level": "info",
        "channel": "A",
        "address": "10.0.0.1:9000",
        "reason": "timeout",
        "sent_packets": 5,
        "resent_packets": 1,
    }


@pytest.mark.parametrize(("more", "left_out"), [(0, []), (1, [{"timeout": 1}]), (984, [{"timeout": 984}])])
def test_past_the_limit_of_a_sweep_only_their_number_is_told(more: int, left_out: list[dict[str, int]]) -> None:
    log = DepartureLog(EventLog())
    lines = lines_of(log, MAX_LINES_PER_SWEEP + more)
    assert [line["event"] for line in lines[:MAX_LINES_PER_SWEEP]] == ["subscriber gone"] * MAX_LINES_PER_SWEEP
    assert [line["left_out"] for line in lines[MAX_LINES_PER_SWEEP:]] == left_out
    assert len(lines_of(log, 1)) == 1


def test_only_those_whom_the_broker_gave_up_count_as_dropped() -> None:
    log = DepartureLog(EventLog())
    log.note(GONE._replace(reason="peer_shutdown"), is_dropped=False)
    log.note(GONE, is_dropped=True)
    log.note(GONE._replace(reason="beyond_recovery"), is_dropped=True)
    assert log.dropped == {"timeout": 1, "beyond_recovery": 1}


def test_those_whom_the_broker_gave_up_are_events_and_others_are_not() -> None:
    events = EventLog()
    log = DepartureLog(events)
    log.note(GONE._replace(reason="peer_shutdown"), is_dropped=False)
    log.note(GONE, is_dropped=True)
    assert [(event.what, event.facts["reason"]) for event in events.newest] == [("subscriber gone", "timeout")]
