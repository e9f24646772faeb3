"""Streams that browsers do not play: with B-frames, or without IDR pictures."""

from functools import cache

from tests.support.encoded_streams import encoded_stream, payloads_of

from headrace.remux.access_unit import AccessUnit
from headrace.remux.ts_to_units import TsToUnits

B_FRAMES = {"bf": "3", "b-adapt": "0", "g": "25", "preset": "ultrafast", "sc_threshold": "0"}
"""Of x264: three B-frames in a row, and a keyframe each second."""
REFRESHED = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "intra-refresh=1:keyint=25"}
"""Of x264: no picture but the first is an IDR picture, and each second there is a recovery point."""


@cache
def reordered_units(pictures: int = 50, *, size: tuple[int, int] = (320, 180)) -> tuple[AccessUnit, ...]:
    """Return pictures in decoding order, 25 a second."""
    to_units = TsToUnits()
    ts = encoded_stream(pictures, audio=None, video_options=B_FRAMES, size=size)
    units = tuple(unit for payload in payloads_of(ts) for unit in to_units.feed(payload))
    assert to_units.has_reordering
    return units
