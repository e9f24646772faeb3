"""A transport stream that someone else encoded, read from a pipe or file and passed on at its own speed."""

import io
import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from headrace.media.announcer import Announcer
from headrace.media.clock import Clock, SystemClock
from headrace.media.errors import MediaError
from headrace.media.live_stream import StreamCounters
from headrace.mpegts.injector import FrameStart, MetadataInjector
from headrace.mpegts.metadata import JsonValue, Metadata
from headrace.mpegts.pcr_pacer import PcrPacer
from headrace.mpegts.pes import pts_distance_90khz

READ_BYTES: Final = 188 * 7 * 16
"""21 kB, 67 ms at 2.5 Mbit/s: few system calls, and little to be held when the pace changes."""
POLL_S: Final = 0.2
"""How soon `PassThrough.stop` is noticed while nothing arrives."""
MAX_UNSYNCHRONISED_BYTES: Final = 1 << 20
"""A megabyte without a transport packet is not a transport stream."""


class PassThrough:
    """Passes MPEG-TS from ``stream``; iterate it in a thread of its own, once.

    Packets are not changed, but for the program map once there is metadata to add.

    Args:
        stream: Binary file, pipe or ``sys.stdin.buffer``.
        title: Shown by players; repeated with every keyframe, at least every 2 s.
        facts: Named texts; likewise.
        pace: Hold what comes faster than it plays, by its clock references. Switch it off for a sender whose
            clock is to be followed exactly over days.
        clock: Time; the machine's by default.

    Raises:
        ValueError: Title and facts do not fit in one tag.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        title: str | None = None,
        facts: Mapping[str, str] | None = None,
        pace: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._stream = stream
        self._clock = clock or SystemClock()
        self._announcer = Announcer(title, facts)
        self._injector = MetadataInjector(self._annotate, active=self._announcer.has_standing)
        self._pacer = PcrPacer()
        self._pace = pace
        self._stopped = threading.Event()
        self._first_pts_90khz: int | None = None
        self._counts = dict.fromkeys(StreamCounters.__slots__, 0)

    @property
    def counters(self) -> StreamCounters:
        """What it has done so far; ``video_frames`` are those that passed."""
        return StreamCounters(**self._counts)

    def stop(self) -> None:
        """End the iteration soon; may be called from any thread."""
        self._stopped.set()

    def send_metadata(self, data: Mapping[str, JsonValue]) -> None:
        """Send ``data`` with the present frame; may be called from any thread.

        Raises:
            ValueError: It does not fit in one tag (`TypeError` if it is not JSON).
        """
        self._announcer.send_data(data)
        self._injector.activate()

    def announce(self, title: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Change title and facts; may be called from any thread.

        Raises:
            ValueError: They do not fit in one tag.
        """
        self._announcer.announce(title, facts)
        self._injector.activate()

    def __iter__(self) -> Iterator[bytes]:
        arrived_bytes = 0
        for data in self._chunks():
            arrived_bytes += len(data)
            now_us = self._clock.now_us()
            for piece in self._pacer.feed(data, now_us):
                yield from self._send(piece.due_us, piece.data)
            if self._counts["ts_bytes"] == 0 and arrived_bytes > MAX_UNSYNCHRONISED_BYTES:
                raise MediaError("the input is not MPEG-TS: pipe one in, such as from ffmpeg -f mpegts -")
        for piece in self._pacer.flush(self._clock.now_us()):
            yield from self._send(piece.due_us, piece.data)
        yield from self._counted(self._injector.flush())
        if arrived_bytes and self._counts["ts_bytes"] == 0 and not self._stopped.is_set():
            raise MediaError("the input is not MPEG-TS: pipe one in, such as from ffmpeg -f mpegts -")

    def _send(self, due_us: int, data: bytes) -> Iterator[bytes]:
        wait_us = due_us - self._clock.now_us()
        if self._pace and wait_us > 0:
            self._clock.wait_us(wait_us, self._stopped)
        self._counts["late_us"] = max(0, -wait_us) if self._pace else 0
        if not self._stopped.is_set():
            yield from self._counted(self._injector.feed(data))

    def _counted(self, ts: bytes) -> Iterator[bytes]:
        if ts:
            self._counts["ts_bytes"] += len(ts)
            yield ts

    def _chunks(self) -> Iterator[bytes]:
        """Yield what can be read, as soon as it can; end with the stream or when stopped."""
        descriptor = _descriptor(self._stream)
        while not self._stopped.is_set():
            if descriptor is None:
                data = self._stream.read(READ_BYTES)
            elif select.select([descriptor], [], [], POLL_S)[0]:
                data = os.read(descriptor, READ_BYTES)
            else:
                continue
            if not data:
                return
            yield data

    def _annotate(self, frame: FrameStart) -> Metadata | None:
        if self._first_pts_90khz is None:
            self._first_pts_90khz = frame.pts_90khz
        time_us = pts_distance_90khz(self._first_pts_90khz, frame.pts_90khz) * 100 // 9
        self._counts["video_frames"] += 1
        self._counts["media_time_us"] = time_us
        if not self._injector.ready:
            return None
        for data in self._announcer.take_data():
            self._injector.queue(data, frame.pts_90khz)
        return self._announcer.for_frame(time_us, key_frame=frame.random_access)


def _descriptor(stream: BinaryIO) -> int | None:
    """Return the descriptor to poll, or None where only a blocking read is possible (Windows, objects)."""
    if sys.platform == "win32":
        return None
    try:
        return stream.fileno()
    except (AttributeError, OSError, io.UnsupportedOperation):
        return None
