"""Decodes a channel in a thread of its own, to know what a person would see: frames, true latency, metadata."""

import queue
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.media.decoder import MetadataReceived, StreamDecoder, VideoFrameDecoded
from headrace.mpegts.metadata import JsonValue, Metadata
from headrace.netio.clock import now_us, unix_time_us

MAX_WAITING_WRITES: Final = 2048
"""A minute of frames. A machine that cannot decode as fast as they come loses the newest, which is counted."""
MAX_OPEN_STAMPS: Final = 256
"""Capture times whose picture has not been decoded yet."""
MAX_LATENCY_MS: Final = 60_000
"""Longer ones are counted as this: the clocks of the two machines do not agree."""


@dataclass(frozen=True, slots=True)
class ViewerFigures:
    """What has been seen so far.

    Attributes:
        video_frames: Pictures decoded.
        audio_frames: Sound frames decoded.
        decode_errors: Frames that could not be decoded, and stretches left out where decoding fell behind.
        first_frame_ms: From the start of the viewer to its first picture, None before that.
        latency_p50_ms: Median time from capture to decoding, None where the producer does not say. What was
            captured before the viewer began is left out: it is the backlog that the broker begins with.
        latency_p99_ms: Its 99th percentile.
        title: Newest title of the channel, or None.
        facts: Newest named texts.
        data: Newest timed metadata, or None.
    """

    video_frames: int = 0
    audio_frames: int = 0
    decode_errors: int = 0
    first_frame_ms: float | None = None
    latency_p50_ms: int | None = None
    latency_p99_ms: int | None = None
    title: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, JsonValue] | None = None


class Viewer:
    """A sink of a subscription that decodes what it gets."""

    def __init__(self) -> None:
        self._decoder = StreamDecoder()
        self._started_us = now_us()
        self._started_unix_us = unix_time_us()
        self._first_frame_us: int | None = None
        self._stamps: OrderedDict[int, int] = OrderedDict()
        self._latencies_ms: Counter[int] = Counter()
        self._metadata = Metadata()
        self._data: Mapping[str, JsonValue] | None = None
        self._skipped_writes = 0
        self._lock = threading.Lock()
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING_WRITES)
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    @property
    def figures(self) -> ViewerFigures:
        """What has been seen so far; may be read from any thread."""
        with self._lock:
            first_us = self._first_frame_us
            return ViewerFigures(
                self._decoder.video_frames,
                self._decoder.audio_frames,
                self._decode_errors(),
                None if first_us is None else (first_us - self._started_us) / 1000,
                percentile(self._latencies_ms, 50),
                percentile(self._latencies_ms, 99),
                self._metadata.title,
                self._metadata.facts,
                self._data,
            )

    def _decode_errors(self) -> int:
        return self._decoder.errors.total() + self._skipped_writes

    def write(self, payloads: Sequence[bytes]) -> None:
        """Take payloads; they are decoded elsewhere."""
        try:
            self._waiting.put_nowait(b"".join(payloads))
        except queue.Full:
            self._skipped_writes += 1

    def close(self) -> None:
        """Decode what is there, then end; waits for that, a second at most."""
        if self._thread.is_alive():
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                # Too far behind to be waited for. It still has to hear of the end when it gets there.
                self._waiting.get_nowait()
                self._skipped_writes += 1
                self._waiting.put_nowait(None)
                return
            self._thread.join(1.0)

    def _run(self) -> None:
        while (ts := self._waiting.get()) is not None:
            events = self._decoder.feed(ts)
            with self._lock:
                for event in events:
                    self._note(event)

    def _note(self, event: object) -> None:
        if isinstance(event, MetadataReceived):
            self._note_metadata(event)
        elif isinstance(event, VideoFrameDecoded):
            if self._first_frame_us is None:
                self._first_frame_us = now_us()
            captured_us = None if event.pts_90khz is None else self._stamps.pop(event.pts_90khz, None)
            if captured_us is not None and captured_us >= self._started_unix_us:
                latency_ms = round((unix_time_us() - captured_us) / 1000)
                self._latencies_ms[min(max(latency_ms, 0), MAX_LATENCY_MS)] += 1

    def _note_metadata(self, event: MetadataReceived) -> None:
        metadata = event.metadata
        if metadata.title is not None or metadata.facts:
            self._metadata = metadata
        if metadata.data is not None:
            self._data = metadata.data
        if metadata.capture_unix_us is not None and event.pts_90khz is not None:
            self._stamps[event.pts_90khz] = metadata.capture_unix_us
            if len(self._stamps) > MAX_OPEN_STAMPS:
                self._stamps.popitem(last=False)


def percentile(counts: Counter[int], percent: int) -> int | None:
    """Return the least value that ``percent`` of all counted values do not exceed, None if there are none."""
    needed = counts.total() * percent / 100
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= needed:
            return value
    return None
