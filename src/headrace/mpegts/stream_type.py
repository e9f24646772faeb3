"""What the stream types of a PMT mean, as far as Headrace looks inside.

Source: ISO/IEC 13818-1, table 2-34; Apple, "Timed Metadata for HTTP Live Streaming", 2 (stream type 0x15).
"""

from enum import IntEnum
from typing import Final


class StreamType(IntEnum):
    """``stream_type`` of an elementary stream."""

    MPEG1_VIDEO = 0x01
    MPEG2_VIDEO = 0x02
    MPEG1_AUDIO = 0x03
    MPEG2_AUDIO = 0x04
    PRIVATE_DATA = 0x06
    AAC_ADTS = 0x0F
    MPEG4_VIDEO = 0x10
    AAC_LATM = 0x11
    METADATA = 0x15
    H264 = 0x1B
    HEVC = 0x24
    VVC = 0x33
    AC3 = 0x81
    EAC3 = 0x87


AV1_FORMAT: Final = b"AV01"
OPUS_FORMAT: Final = b"Opus"
"""Format identifiers of private data."""
VIDEO_STREAM_TYPES: Final = frozenset(
    {
        StreamType.MPEG1_VIDEO,
        StreamType.MPEG2_VIDEO,
        StreamType.MPEG4_VIDEO,
        StreamType.H264,
        StreamType.HEVC,
        StreamType.VVC,
    }
)
"""Types whose PES packets hold pictures."""
