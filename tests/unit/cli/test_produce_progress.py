import asyncio
import contextlib
import dataclasses
from typing import cast

import pytest
from tests.support.loops import until

from headrace.cli import produce_progress
from headrace.cli.produce_progress import ProduceProgress
from headrace.client.publisher import Publisher, PublisherFigures
from headrace.media.live_stream import StreamCounters

NOTHING = PublisherFigures(
    is_connected=False,
    reconnects=0,
    sent_packets=0,
    sent_payload_bytes=0,
    resent_packets=0,
    dropped_packets=0,
    rtt_ms=None,
)
SOMETHING = dataclasses.replace(
    NOTHING,
    is_connected=True,
    sent_packets=100,
    sent_payload_bytes=131_600,
    resent_packets=3,
    dropped_packets=2,
    rtt_ms=1.26,
)


@dataclasses.dataclass
class Producing:
    """Stands for publisher and stream at once."""

    figures: PublisherFigures = NOTHING
    counters: StreamCounters = dataclasses.field(default_factory=StreamCounters)


def make(now: Producing) -> ProduceProgress:
    return ProduceProgress("1AAA99", cast(Publisher, now), now)


def run_for(progress: ProduceProgress, *, seconds: float, delay_seconds: float = 0.0) -> None:
    async def run() -> None:
        with contextlib.suppress(TimeoutError), progress:
            async with asyncio.timeout(seconds):
                await progress.run(delay_seconds)

    asyncio.run(run())


def logged(progress: ProduceProgress, count: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run until there are so many lines, and return them."""
    lines: list[str] = []

    def are_there() -> bool:
        lines.extend(capsys.readouterr().out.splitlines())
        return len(lines) >= count

    async def run() -> None:
        with progress:
            running = asyncio.create_task(progress.run(0))
            await until(are_there)
            running.cancel()

    asyncio.run(run())
    return lines[:count]


def test_the_summary_says_what_was_sent_in_all(capsys: pytest.CaptureFixture[str]) -> None:
    make(Producing(SOMETHING, StreamCounters(video_frames=250, media_time_us=3_725_000_000))).print_summary()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "1AAA99: sent 1:02:05, 250 frames, 0.1 MB; resent 3, dropped 2 packets\n"


def test_where_nothing_was_sent_there_is_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    make(Producing()).print_summary()
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_it_logs_that_it_is_connected_and_then_how_it_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(produce_progress, "LOG_INTERVAL_SECONDS", 0.02)
    counters = StreamCounters(video_frames=0, media_time_us=61_000_000, dropped_frames=4)
    first, line = logged(make(Producing(SOMETHING, counters)), 2, capsys)
    assert "connected channel=1AAA99" in " ".join(first.split())
    for text in ("0:01:01", "0.0 fps", "Mbit/s", "RTT 1.3 ms", "resent 3", "dropped 2", "too slow for 4 frames"):
        assert text in line
    assert "not connected" not in line


def test_a_line_says_that_another_producer_has_the_channel() -> None:
    lost = dataclasses.replace(SOMETHING, is_connected=False)
    assert make(Producing(SOMETHING))._line().endswith("dropped 2")
    assert make(Producing(lost))._line().endswith("  not connected")
    rival = dataclasses.replace(lost, has_rival=True)
    assert make(Producing(rival))._line().endswith("  not connected: another producer has the channel")


def test_while_there_is_no_connection_nothing_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    run_for(make(Producing()), seconds=0.05)
    run_for(make(Producing(SOMETHING)), seconds=0.05, delay_seconds=10)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_one_line_is_drawn_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich's way of taking standard error for a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(produce_progress, "TERMINAL_INTERVAL_SECONDS", 0.02)
    run_for(make(Producing(SOMETHING)), seconds=0.5, delay_seconds=0.05)
    err = capsys.readouterr().err
    assert "1AAA99  starts in 0 s" in err
    assert "1AAA99  0:00:00  0.0 fps" in err
    assert "\x1b[2K" in err  # erases the line before it is drawn again
