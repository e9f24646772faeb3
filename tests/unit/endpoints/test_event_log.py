"""What happened, remembered."""

import structlog

from headrace.endpoints.event_log import MAX_EVENTS, MAX_STRANGERS, Event, EventLog


def test_an_event_is_logged_and_remembered_with_its_time_and_number() -> None:
    events = EventLog(iter([5_000_000, 7_000_000]).__next__)
    with structlog.testing.capture_logs() as lines:
        events.note("producer connected", channel="A")
        events.note("producer gone", channel="A", reason="timeout")
    assert lines == [
        {"event": "producer connected", "log_level": "info", "channel": "A"},
        {"event": "producer gone", "log_level": "info", "channel": "A", "reason": "timeout"},
    ]
    assert events.newest == [
        Event(1, 5_000_000, "producer connected", {"channel": "A"}),
        Event(2, 7_000_000, "producer gone", {"channel": "A", "reason": "timeout"}),
    ]


def test_what_is_not_kept_is_logged_all_the_same() -> None:
    events = EventLog()
    with structlog.testing.capture_logs() as lines:
        events.note("subscriber gone", is_kept=False, reason="peer_shutdown")
    assert [line["event"] for line in lines] == ["subscriber gone"]
    assert not events.newest


def test_the_newest_are_kept_and_their_numbers_go_on() -> None:
    events = EventLog()
    for number in range(MAX_EVENTS + 3):
        events.note("producer connected", number=number)
    assert [event.number for event in events.newest] == list(range(4, MAX_EVENTS + 4))


def test_strangers_push_out_nobody_but_strangers() -> None:
    events = EventLog()
    events.note("producer connected")
    for number in range(MAX_EVENTS + 3):
        events.note("connection refused", of_stranger=True, code=number)
    events.note("producer gone")
    numbers = [event.number for event in events.newest]
    assert numbers == [1, *range(MAX_EVENTS + 5 - MAX_STRANGERS, MAX_EVENTS + 5), MAX_EVENTS + 5]
