"""How a producer is doing, as one line that changes on a terminal, and as a log line now and then elsewhere."""

import asyncio
import time
from types import TracebackType
from typing import Final, Protocol, Self

import structlog
from rich.console import Console
from rich.live import Live
from rich.text import Text

from headrace.client.publisher import Publisher, PublisherFigures
from headrace.media.live_stream import StreamCounters

TERMINAL_INTERVAL_SECONDS: Final = 0.5
LOG_INTERVAL_SECONDS: Final = 10.0
CONNECT_POLL_SECONDS: Final = 0.1

_log = structlog.get_logger()


class CountedStream(Protocol):
    """A stream that counts what it has made."""

    @property
    def counters(self) -> StreamCounters:
        """What it has done so far."""


class ProduceProgress:
    """Shows time, frames a second, bit rate, round trip, and what was resent and dropped.

    Args:
        channel_id: The channel.
        publisher: Says what was sent.
        stream: Says what was encoded.
    """

    def __init__(self, channel_id: str, publisher: Publisher, stream: CountedStream) -> None:
        self._channel_id = channel_id
        self._publisher = publisher
        self._stream = stream
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._last = (time.monotonic(), 0, 0)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(Text(), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    async def run(self, delay_seconds: float) -> None:
        """Show until cancelled; first the time that is left of ``delay_seconds``."""
        starts_at = time.monotonic() + delay_seconds
        while (left_seconds := starts_at - time.monotonic()) > 0:
            self._show(f"starts in {left_seconds:.0f} s")
            await asyncio.sleep(min(left_seconds, TERMINAL_INTERVAL_SECONDS))
        while not self._publisher.figures.is_connected:
            self._show("connecting")
            await asyncio.sleep(CONNECT_POLL_SECONDS)
        _log.info("connected", channel=self._channel_id)
        self._last = (time.monotonic(), 0, 0)
        while True:
            await asyncio.sleep(LOG_INTERVAL_SECONDS if self._live is None else TERMINAL_INTERVAL_SECONDS)
            if self._live is None:
                _log.info("producing", channel=self._channel_id, progress=self._line())
            else:
                self._show(self._line())

    def _show(self, text: str) -> None:
        if self._live is not None:
            self._live.update(Text(f"{self._channel_id}  {text}"), refresh=True)

    def _line(self) -> str:
        figures, counters = self._publisher.figures, self._stream.counters
        now, sent_bytes, frames = time.monotonic(), figures.sent_payload_bytes, counters.video_frames
        then, bytes_then, frames_then = self._last
        self._last = (now, sent_bytes, frames)
        seconds = max(now - then, 1e-3)
        rtt = "-" if figures.rtt_ms is None else f"{figures.rtt_ms:.1f} ms"
        return (
            f"{_clock(counters.media_time_us)}  {(frames - frames_then) / seconds:.1f} fps  "
            f"{(sent_bytes - bytes_then) * 8e-6 / seconds:.2f} Mbit/s  RTT {rtt}  "
            f"resent {figures.resent_packets}  dropped {figures.dropped_packets}"
            + ("" if counters.dropped_frames == 0 else f"  too slow for {counters.dropped_frames} frames")
            + _connection_note(figures)
        )

    def print_summary(self) -> None:
        """Print what was sent in all, if anything was."""
        figures, counters = self._publisher.figures, self._stream.counters
        if figures.sent_packets == 0:
            return
        self._console.print(
            f"{self._channel_id}: sent {_clock(counters.media_time_us)}, {counters.video_frames} frames, "
            f"{figures.sent_payload_bytes / 1e6:.1f} MB; resent {figures.resent_packets}, "
            f"dropped {figures.dropped_packets} packets",
            highlight=False,
            soft_wrap=True,
        )


def _connection_note(figures: PublisherFigures) -> str:
    if figures.is_connected:
        return ""
    return "  not connected" + (": another producer has the channel" if figures.has_rival else "")


def _clock(time_us: int) -> str:
    seconds = time_us // 1_000_000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
