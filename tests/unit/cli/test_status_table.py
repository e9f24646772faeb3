"""A broker's status as people see it."""

from typing import Any

import pytest
from rich.console import Console

from headrace.cli.status_table import (
    MAX_EVENT_LINES,
    MAX_SUBSCRIBER_LINES,
    browser_line,
    duration,
    event_line,
    status_view,
)

PRODUCER = {
    "address": "[2001:db8:1234:5678:9abc:def0:1234:5678]:50123",
    "rtt_ms": 100.1,
    "lost_packets": 12_345,
    "recovered_packets": 12_300,
    "dropped_packets": 45,
    "received_bps": 12_345_678,
    "buffer_ms": 123,
}
GROUP = {"count": 1234, "catching_up": 7, "resent_packets": 98_765, "rtt_max_ms": 250.5}
CHANNEL = {
    "id": "1AAA99",
    "state": "live",
    "state_seconds": 7384.2,
    "keyframe_interval_ms": 2000,
    "continuity_errors": 6,
    "ring": {"held_ms": 9300},
    "producer": PRODUCER,
    "standbys": [PRODUCER],
    "switches": {"first": 1, "takeover": 2},
    "subscribers": GROUP,
}
WAITING = {**CHANNEL, "id": "2BBB99", "state": "waiting", "state_seconds": None, "producer": None,
           "keyframe_interval_ms": None}  # fmt: skip
SUBSCRIBER = {
    "channel": "1AAA99",
    "socket_id": "17a00000",
    "address": "127.0.0.1:57561",
    "state": "catching_up",
    "key": "shared",
    "connected_seconds": 65.0,
    "rtt_ms": 2.5,
    "latency_ms": 120,
    "sent_payload_bytes": 1_500_000,
    "resent_packets": 3,
    "naks_packets": 2,
    "unacknowledged_packets": 4,
}
EVENT = {"number": 1, "unix_ms": 1_700_000_000_000, "event": "producer gone", "channel": "A", "reason": "timeout"}
BROKER = {
    "headrace_version": "0.1.0",
    "listen": "[::]:8890",
    "uptime_seconds": 93_784.0,
    "resident_bytes": 63_000_000,
    "producers": 1,
    "subscribers": 1234,
    "received_bps": 12_345_678,
    "sent_bps": 987_654_321,
    "dropped_subscribers": {},
    "refused_connections": {},
    "ignored_packets": {},
}


def shown(columns: int = 80, channel_id: str | None = None, *, with_events: bool = False, **changes: Any) -> str:
    document = {"broker": BROKER, "channels": [CHANNEL, WAITING], "subscribers": [], "events": [], **changes}
    console = Console(width=columns, color_system=None)
    with console.capture() as captured:
        console.print(status_view(document, channel_id, wide=columns >= 120, with_events=with_events))
    return captured.get()


def test_the_broker_is_in_two_lines() -> None:
    first, second, *_ = shown().splitlines()
    assert first == "headrace 0.1.0 on [::]:8890, up 1d 2h, 63 MB"
    assert second == "1 producer, 1234 subscribers, in 12.35, out 987.65 Mbit/s"
    assert shown(broker={**BROKER, "resident_bytes": None}).splitlines()[0].endswith("up 1d 2h")


@pytest.mark.parametrize(
    ("subscribers", "browsers", "said"),
    [
        (0, 3, "1 producer, 3 subscribers (3 in browsers), in 12.35, out 987.65 Mbit/s"),
        (2, 1, "1 producer, 3 subscribers (1 in a browser), in 12.35, out 987.65 Mbit/s"),
        (1, 0, "1 producer, 1 subscriber, in 12.35, out 987.65 Mbit/s"),
    ],
)
def test_who_watches_in_a_browser_is_among_the_subscribers(subscribers: int, browsers: int, said: str) -> None:
    broker = {**BROKER, "subscribers": subscribers, "watching_sessions": browsers}
    assert shown(broker=broker).splitlines()[1] == said


def test_resent_is_what_the_channel_sent_again_in_all() -> None:
    sent = {"sent_packets": 5, "sent_payload_bytes": 6_580, "resent_packets": 77_123}
    text = shown(channels=[{**CHANNEL, "sent": sent}])
    assert "77123" in text
    assert str(GROUP["resent_packets"]) not in text


def test_what_went_wrong_has_lines_of_its_own() -> None:
    broker = {**BROKER, "dropped_subscribers": {"timeout": 2}, "refused_connections": {"2409": 1, "2400": 3}}
    lines = shown(broker=broker).splitlines()
    assert lines[2:4] == ["dropped: timeout 2", "refused: 2409 1, 2400 3"]


def test_who_lost_its_right_and_what_the_hook_said_have_lines_too() -> None:
    broker = {**BROKER, "ended_rights": {"key_revoked": 1}, "hook_answers": {"allowed": 5, "2401": 1}}
    lines = shown(broker=broker).splitlines()
    assert lines[2:4] == ["sent away: key_revoked 1", "hook said: allowed 5, 2401 1"]


@pytest.mark.parametrize(
    ("received", "to_be_sent", "said"),
    [
        (7, 0, "lost for want of buffers: 7 received"),
        (0, 3, "lost for want of buffers: 3 to be sent"),
        (7, 3, "lost for want of buffers: 7 received, 3 to be sent"),
        (0, 0, ""),
    ],
)
def test_full_buffers_have_a_line(received: int, to_be_sent: int, said: str) -> None:
    counters = {"receive_dropped_datagrams": received, "send_would_block_datagrams": to_be_sent}
    assert shown(broker={**BROKER, "socket": counters}).splitlines()[2] == said


def test_a_channel_is_one_line_of_80_columns() -> None:
    lines = shown(80).splitlines()
    assert max(map(len, lines)) <= 80
    figures = "1AAA99 live 2h 3m 12.35 100.1 12345 12300 45 6 1234 98765"
    assert [line for line in lines if line.split() == figures.split()]
    waiting = ["2BBB99", "waiting", *5 * ["-"], "6", "1234", "98765"]
    assert [line for line in lines if line.split() == waiting]


def test_wide_terminals_show_more() -> None:
    text = shown(140)
    assert max(map(len, text.splitlines())) <= 140
    line = next(line for line in text.splitlines() if line.startswith("1AAA99"))
    assert line.split()[-8:-1] == ["2.0", "123", "9.3", "250.5", "7", "1", "3"]
    assert "".join(text.split()).count("2001:db8") == 1


def test_without_channels_it_says_so() -> None:
    assert "no channels: nobody produces or subscribes" in shown(channels=[])


def test_a_channel_that_is_not_there_now_is_said_to_be_missing_in_place_of_its_subscribers() -> None:
    text = shown(80, "3CCC99", subscribers=[])
    assert text.splitlines()[-1].rstrip() == "no channel 3CCC99 now: nobody produces or subscribes"


def test_the_subscribers_of_one_channel_are_shown_one_by_one() -> None:
    text = shown(80, "1AAA99", subscribers=[SUBSCRIBER])
    assert "2BBB99" not in text
    assert text.splitlines()[-1].split() == ["127.0.0.1:57561", "1m", "5s", "2.5", "120", "1.5", "3", "2", "4"]
    wide = shown(140, "1AAA99", subscribers=[SUBSCRIBER]).splitlines()[-1]
    assert wide.split()[:5] == ["127.0.0.1:57561", "17a00000", "catching", "up", "shared"]
    clear = shown(140, "1AAA99", subscribers=[{**SUBSCRIBER, "key": None}]).splitlines()[-1]
    assert clear.split()[4] == "-"


def test_a_browser_stands_among_the_subscribers_and_is_counted_with_them() -> None:
    browser = {
        "channel": "1AAA99",
        "session_id": "secret",
        "address": None,
        "state": "connecting",
        "connected_seconds": 5.0,
        "rtt_ms": None,
        "sent_payload_bytes": 0,
        "resent_packets": 0,
        "naks_packets": 0,
    }
    wide = shown(140, "1AAA99", subscribers=[SUBSCRIBER, browser]).splitlines()[-1]
    assert wide.split() == ["-", "browser", "connecting", "-", "5s", "-", "-", "0.0", "0", "0", "-"]
    assert "secret" not in wide
    assert "1236" in shown(channels=[{**CHANNEL, "sessions": {"count": 2}}])


def test_more_subscribers_than_anybody_reads_are_left_out() -> None:
    text = shown(80, "1AAA99", subscribers=[SUBSCRIBER] * (MAX_SUBSCRIBER_LINES + 5))
    assert text.count("127.0.0.1:57561") == MAX_SUBSCRIBER_LINES
    assert "... and 5 more: --json shows all" in text


def test_the_newest_events_are_at_the_foot() -> None:
    events = [{**EVENT, "channel": f"C{number}"} for number in range(MAX_EVENT_LINES + 3)]
    lines = shown(with_events=True, events=events).splitlines()
    assert lines[-1].endswith("producer gone  channel=C12  reason=timeout")
    assert sum("producer gone" in line for line in lines) == MAX_EVENT_LINES
    assert "producer gone" not in shown(events=events)


def test_an_event_has_the_time_of_day() -> None:
    time, _, rest = event_line(EVENT).partition(" ")
    assert [len(part) for part in time.split(":")] == [2, 2, 2]
    assert rest == "producer gone  channel=A  reason=timeout"


def test_nothing_that_a_peer_says_can_move_the_cursor_or_is_markup() -> None:
    event = {**EVENT, "channel": "\x1b[2J[red]x"}
    assert "channel=?[2J[red]x" in shown(with_events=True, events=[event])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m 0s"), (3599, "59m 59s"), (3600, "1h 0m"), (90_061, "1d 1h")],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, None),
        ({"recoding": None, "notice": None}, None),
        ({"notice": "set B-frames to 0"}, "1AAA99: set B-frames to 0"),
        (
            {"recoding": {"why": "B-frames", "pictures": 75, "left_out_pictures": 0, "failures": 0}},
            "1AAA99: B-frames: re-encoded for browsers, pictures 75",
        ),
        (
            {"recoding": {"why": "B-frames", "pictures": 75, "left_out_pictures": 4, "failures": 1}},
            "1AAA99: B-frames: re-encoded for browsers, pictures 75, left out 4, failures 1",
        ),
    ],
)
def test_what_browsers_do_not_get_as_it_is_stands_below_the_table(facts: dict[str, Any], line: str | None) -> None:
    assert browser_line(CHANNEL | facts) == line
    document = {"broker": BROKER, "channels": [CHANNEL | facts], "subscribers": [], "events": []}
    console = Console(width=140)
    with console.capture() as capture:
        console.print(status_view(document, None, wide=True, with_events=False))
    assert ("B-frames" in capture.get()) is (line is not None)
