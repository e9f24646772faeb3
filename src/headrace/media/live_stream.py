"""A source as a live transport stream: paced to real time, encoded, stamped with capture times."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import av

from headrace.media.announcer import Announcer
from headrace.media.clock import Clock, SystemClock
from headrace.media.encoder import AccessUnit, EncoderSettings, VideoEncoder
from headrace.media.pacing import ArrivalPacer, Pacer, RealTimePacer
from headrace.media.sound_encoder import SoundEncoder
from headrace.media.source import MICROSECONDS, Source, TimedFrame, loop_frames
from headrace.mpegts.metadata import JsonValue
from headrace.remux.access_unit import Codec
from headrace.remux.units_to_ts import encode_unit, muxer_of

BASE_90KHZ: Final = 90_000
"""Presentation time of media time 0: room for the clock reference ahead and for the AAC encoder's first frame."""
MAX_LATE_US: Final = 150_000
"""Frames later than this are dropped. A browser tab or a backup can hold a machine up for 100 ms."""
MAX_DROP_RUN_US: Final = 500_000
"""At least two pictures a second are encoded, however late, so that nobody sees a frozen one."""


@dataclass(frozen=True, slots=True)
class StreamCounters:
    """What a stream has done so far.

    Attributes:
        video_frames: Pictures encoded.
        dropped_frames: Pictures left out because the machine was too slow.
        audio_frames: AAC frames encoded.
        media_time_us: Media time of the last frame.
        late_us: How late the last picture was when its turn came.
        reanchors: How often the stream gave up catching up and went on from now.
        ts_bytes: Transport stream bytes made.
    """

    video_frames: int = 0
    dropped_frames: int = 0
    audio_frames: int = 0
    media_time_us: int = 0
    late_us: int = 0
    reanchors: int = 0
    ts_bytes: int = 0


class LiveStream:
    """Encodes a source at its own speed; iterate it in a thread of its own, once.

    Iterating blocks until the next frame's time has come and yields its transport stream packets (a multiple of
    188 bytes) as soon as it is encoded. It ends with the source, or after `stop`.

    Args:
        source: Pictures and sound. It is closed at the end.
        settings: How to encode.
        title: Shown by players; repeated with every keyframe.
        facts: Named texts; likewise.
        loop: Begin again where the source ends (not for live ones).
        clock: Time; the machine's by default.

    Raises:
        MediaError: The encoder does not take the settings.
        ValueError: Title and facts do not fit in one tag.
    """

    def __init__(
        self,
        source: Source,
        settings: EncoderSettings | None = None,
        *,
        title: str | None = None,
        facts: Mapping[str, str] | None = None,
        loop: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._source = source
        self._settings = settings or EncoderSettings()
        self._loop = loop and not source.live
        self._clock = clock or SystemClock()
        self._announcer = Announcer(title, facts)
        self._video = VideoEncoder(source.info, self._settings)
        self._sounds = self._open_sounds()
        self._muxer = muxer_of([Codec.H264, *self._sounds])
        self._stopped = threading.Event()
        self._pacer: Pacer = (
            ArrivalPacer(self._clock) if source.live else RealTimePacer(self._clock, self._stopped)
        )
        self._next_picture_us = 0
        self._last_encoded_us: int | None = None
        self._counts = dict.fromkeys(StreamCounters.__slots__, 0)

    def _open_sounds(self) -> dict[Codec, SoundEncoder]:
        """Return what encodes the sound, AAC before Opus, as players take the first."""
        if not self._source.info.has_audio:
            return {}
        sounds = {Codec.AAC: SoundEncoder(Codec.AAC, self._settings.audio_bitrate_bps)}
        if self._settings.has_opus:
            sounds[Codec.OPUS] = SoundEncoder(Codec.OPUS)
        return sounds

    @property
    def width(self) -> int:
        """Pixels of a row, as encoded."""
        return self._video.width

    @property
    def height(self) -> int:
        """Rows, as encoded."""
        return self._video.height

    @property
    def counters(self) -> StreamCounters:
        """What it has done so far; may be read from any thread."""
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

    def announce(self, title: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Change title and facts; may be called from any thread.

        Raises:
            ValueError: They do not fit in one tag.
        """
        self._announcer.announce(title, facts)

    def __iter__(self) -> Iterator[bytes]:
        frames = loop_frames(self._source) if self._loop else self._source.frames()
        try:
            for item in frames:
                late_us = self._pacer.await_turn(item.time_us)
                capture_unix_us = self._clock.unix_us() - late_us
                self._counts.update(late_us=late_us, reanchors=self._pacer.reanchors)
                if self._stopped.is_set():
                    return
                ts = b"".join(self._write(item, capture_unix_us))
                self._counts["media_time_us"] = item.time_us
                self._counts["ts_bytes"] += len(ts)
                if ts:
                    yield ts
        finally:
            self._source.close()

    def _write(self, item: TimedFrame, capture_unix_us: int) -> Iterator[bytes]:
        if isinstance(item.frame, av.AudioFrame):
            yield from self._write_sounds(item.frame, item.time_us)
            return
        if not self._is_wanted(item.time_us):
            return
        for unit in self._video.encode(item.frame, item.time_us):
            self._counts["video_frames"] += 1
            yield self._write_picture(unit, item.time_us, capture_unix_us)

    def _write_sounds(self, frame: av.AudioFrame, time_us: int) -> Iterator[bytes]:
        for index, (codec, encoder) in enumerate(self._sounds.items(), 1):
            for unit in encoder.encode(frame, time_us):
                self._counts["audio_frames"] += codec is Codec.AAC
                yield self._muxer.write(index, encode_unit(unit), BASE_90KHZ + unit.pts_90khz, random_access=True)

    def _is_wanted(self, time_us: int) -> bool:
        """Tell whether to encode the picture: not above the frame rate asked for, and not if we are too late."""
        if self._settings.frame_rate is not None:
            interval_us = int(MICROSECONDS / self._settings.frame_rate)
            # Half an interval of grace, or rounding would drop every other frame of equal rates.
            if time_us < self._next_picture_us - interval_us // 2:
                return False
            self._next_picture_us = max(self._next_picture_us + interval_us, time_us + interval_us // 2)
        last_us = self._last_encoded_us
        late = self._counts["late_us"] > MAX_LATE_US
        if late and last_us is not None and time_us - last_us < MAX_DROP_RUN_US:
            self._counts["dropped_frames"] += 1
            return False
        self._last_encoded_us = time_us
        return True

    def _write_picture(self, unit: AccessUnit, time_us: int, capture_unix_us: int) -> bytes:
        pts_90khz = BASE_90KHZ + unit.time_90khz
        tag = self._announcer.for_frame(time_us, key_frame=unit.key_frame, capture_unix_us=capture_unix_us)
        tags = ([tag] if tag else []) + self._announcer.take_data()
        return self._muxer.write(0, unit.data, pts_90khz, random_access=unit.key_frame, metadata=tags)
