"""Sources of a publisher for tests: a transport stream at its own pace until it is stopped."""

import itertools
import threading
from collections.abc import Iterator

from tests.support.fake_clock import FakeClock
from tests.support.pictures import DrawnSource

from headrace.media.live_stream import LiveStream
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.stream_type import StreamType


class PacedStream:
    """Small pictures (not decodable), one every few milliseconds.

    Args:
        pictures: How many; None is without end.
        interval_seconds: Between two.
        picture_bytes: Of each.
        error: Raised after the last picture.

    Attributes:
        made_bytes: What it has given.
        is_over: Whether its iteration has ended.
    """

    def __init__(
        self,
        pictures: int | None = None,
        *,
        interval_seconds: float = 0.005,
        picture_bytes: int = 3000,
        error: BaseException | None = None,
    ) -> None:
        self.made_bytes = 0
        self.is_over = False
        self._pictures = pictures
        self._interval_seconds = interval_seconds
        self._picture = bytes(picture_bytes)
        self._error = error
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        muxer = Muxer([StreamType.H264])
        try:
            for number in itertools.count() if self._pictures is None else range(self._pictures):
                if self._stopped.wait(self._interval_seconds):
                    return
                ts = muxer.write(0, self._picture, 90_000 + number * 3_600, random_access=number % 5 == 0)
                self.made_bytes += len(ts)
                yield ts
            if self._error is not None:
                raise self._error
        finally:
            self.is_over = True

    def stop(self) -> None:
        self._stopped.set()


def drawn_video(pictures: int = 30, *, title: str | None = None) -> list[bytes]:
    """Return a decodable stream of 25 pictures a second, a frame in each piece, made at once."""
    return list(LiveStream(DrawnSource(pictures), title=title, clock=FakeClock()))
