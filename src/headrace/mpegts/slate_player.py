"""Plays a slate: one group of pictures of a still, and silence, over and over, as payloads for a channel.

Everything that needs an encoder is done once, elsewhere; what is left is to give the same access units new times.
A picture lasts as long as four AAC frames, so that sound and pictures fall on the same ticks for ever, and its
clock references are 85 ms apart.

Source: ISO/IEC 13818-1, 2.7.2 (clock references at most 100 ms apart); ISO/IEC 14496-3 (1024 samples a frame).
"""

from dataclasses import dataclass
from typing import Final

from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packetizer import Packetizer
from headrace.mpegts.stream_type import StreamType

PICTURE_90KHZ: Final = 4 * 1_920
"""Four AAC frames of 1024 samples at 48 kHz: 11.7 pictures a second."""
FIRST_PTS_90KHZ: Final = 90_000
"""Presentation time of the first picture: room for the clock reference ahead of it."""
MAX_CATCH_UP_US: Final = 500_000
"""A busy machine may be so late, and everything is sent; after longer, what is past is left out."""


@dataclass(frozen=True, slots=True)
class Slate:
    """A still picture and silence, encoded; shared by any number of players.

    Attributes:
        pictures: Access units of one group, a keyframe first, in Annex B form with access unit delimiters.
        sound: Silent AAC frames with ADTS headers, that fit into one transport packet; empty for no sound.
        sound_pictures: So many pictures last as long as ``sound``.
    """

    pictures: tuple[bytes, ...]
    sound: bytes = b""
    sound_pictures: int = 1


class SlatePlayer:
    """Gives the payloads of a slate at their times, in an endless loop whose clock and counters go on.

    It starts with PAT, PMT and the keyframe. Asked again after a long sleep it leaves out what is past, and goes
    on with a keyframe and the times of now.

    Args:
        slate: What to play.
        now_us: When to start.
    """

    __slots__ = ("_group_at", "_muxer", "_packetizer", "_slate", "_start_us", "_tick")

    def __init__(self, slate: Slate, now_us: int) -> None:
        types = [StreamType.H264] + ([StreamType.AAC_ADTS] if slate.sound else [])
        self._slate = slate
        self._muxer = Muxer(types)
        self._packetizer = Packetizer()
        self._start_us = now_us
        self._tick = 0
        self._group_at = 0

    def poll_timer(self) -> int:
        """Return when `poll` has something to give next, in the microseconds of ``now_us``."""
        # Rounded up, or a poll at this time would find the tick not yet due.
        return self._start_us - self._tick * PICTURE_90KHZ * 100 // -9

    def poll(self, now_us: int) -> list[bytes]:
        """Return the payloads that are due: whole transport packets, at most 1316 bytes each."""
        if now_us - self.poll_timer() > MAX_CATCH_UP_US:
            self._tick = (now_us - self._start_us) * 9 // (PICTURE_90KHZ * 100)
            self._group_at = 0
        payloads: list[bytes] = []
        while self.poll_timer() <= now_us:
            payloads += self._next_payloads()
        return payloads

    def _next_payloads(self) -> list[bytes]:
        slate, pts_90khz = self._slate, FIRST_PTS_90KHZ + self._tick * PICTURE_90KHZ
        picture = slate.pictures[self._group_at]
        ts = self._muxer.write(0, picture, pts_90khz, random_access=self._group_at == 0)
        if slate.sound and self._tick % slate.sound_pictures == 0:
            ts += self._muxer.write(1, slate.sound, pts_90khz, random_access=True)
        self._tick += 1
        self._group_at = (self._group_at + 1) % len(slate.pictures)
        payloads = self._packetizer.feed(ts)
        rest = self._packetizer.flush()
        return [*payloads, rest] if rest else payloads
