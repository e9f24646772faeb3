"""A transport stream of a chosen bit rate whose pictures cost next to nothing to decode.

Each picture is small and followed by filler data, which a decoder skips: so what a program spends on such a stream
it does not spend on the codec.

Source: ITU-T H.264, 7.3.2.7 and 7.4.2.7 (filler data, which stands behind the slices of its picture).
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from typing import Final

import av

from headrace.media.encoder import EncoderSettings, VideoEncoder
from headrace.media.ffmpeg_input import FfmpegInput
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import TS_PACKET_BYTES
from headrace.mpegts.stream_type import StreamType

FRAMES_PER_SECOND: Final = 30
GROUP_FRAMES: Final = 60

_PICTURE: Final = "320x180"
_VIDEO_BITRATE_BPS: Final = 300_000
_ONE_KEYFRAME_MS: Final = 3_600_000
_FIRST_PTS_90KHZ: Final = 90_000
_TS_HEADER_BYTES: Final = 4
_FILLER_HEADER: Final = b"\x00\x00\x00\x01\x0c"
_FILLER_END: Final = b"\x80"


def make_padded_video(bits_per_second: int, seconds: float) -> Iterator[bytes]:
    """Yield a transport stream, a picture in each piece.

    Args:
        bits_per_second: Of the transport stream, about.
        seconds: Its length.
    """
    units = _encode_group()
    ts_bytes = bits_per_second // 8 // FRAMES_PER_SECOND
    picture_bytes = ts_bytes // TS_PACKET_BYTES * (TS_PACKET_BYTES - _TS_HEADER_BYTES)
    muxer = Muxer([StreamType.H264])
    for number in count():
        if number >= seconds * FRAMES_PER_SECOND:
            return
        unit, is_keyframe = units[number % len(units)]
        pts_90khz = _FIRST_PTS_90KHZ + number * 90_000 // FRAMES_PER_SECOND
        yield muxer.write(0, pad_picture(unit, picture_bytes), pts_90khz, random_access=is_keyframe)


def pad_picture(unit: bytes, size_bytes: int) -> bytes:
    """Return an access unit with filler data behind it, so that it has ``size_bytes``; as it is if it has more."""
    missing_bytes = size_bytes - len(unit) - len(_FILLER_HEADER) - len(_FILLER_END)
    return unit if missing_bytes < 0 else unit + _FILLER_HEADER + b"\xff" * missing_bytes + _FILLER_END


def _encode_group() -> list[tuple[bytes, bool]]:
    """Return the pictures of one group, in order, and whether each is a keyframe."""
    source = FfmpegInput(f"testsrc2=size={_PICTURE}:rate={FRAMES_PER_SECOND}", "lavfi")
    settings = EncoderSettings(
        video_bitrate_bps=_VIDEO_BITRATE_BPS,
        keyframe_interval_ms=3_600_000,
        frame_rate=Fraction(FRAMES_PER_SECOND),
    )
    encoder = VideoEncoder(source.info, settings)
    units: list[tuple[bytes, bool]] = []
    try:
        for item in source.frames():
            if isinstance(item.frame, av.VideoFrame):
                units += [(unit.data, unit.key_frame) for unit in encoder.encode(item.frame, item.time_us)]
            if len(units) >= GROUP_FRAMES:
                break
    finally:
        source.close()
    return units[:GROUP_FRAMES]
