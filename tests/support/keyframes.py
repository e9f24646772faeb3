"""Transport streams that begin with a keyframe."""

from functools import cache

from tests.support.fake_clock import FakeClock
from tests.support.pictures import DrawnSource

from headrace.media.live_stream import LiveStream


@cache
def keyframe_stream(pictures: int = 3, size: tuple[int, int] = (320, 240), title: str | None = None) -> bytes:
    """Return pictures of a size, as `headrace.media.encoder` has them: grey, with a bright bar at the left."""
    return b"".join(LiveStream(DrawnSource(pictures, size=size), title=title, clock=FakeClock()))
