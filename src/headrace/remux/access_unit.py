"""What all streams are taken apart to and put together from: one picture, or one frame of sound."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Codec(Enum):
    """How a stream is encoded; the value is its name for people."""

    H264 = "H.264"
    HEVC = "HEVC"
    AV1 = "AV1"
    AAC = "AAC"
    OPUS = "Opus"

    @property
    def is_video(self) -> bool:
        """Whether it encodes pictures."""
        return self in {Codec.H264, Codec.HEVC, Codec.AV1}


@dataclass(slots=True)
class AccessUnit:
    """One encoded picture or frame of sound.

    Attributes:
        codec: Of its stream.
        pts_90khz: Presentation time, on one clock for all streams, unwrapped.
        dts_90khz: Decoding time; the presentation time where no other is given.
        data: NAL units without start codes, or OBUs, of a picture; one AAC frame with its ADTS header, or one Opus
            packet.
        is_keyframe: Decoding can start here.
        is_discontinuous: Something before it in its stream is missing.
    """

    codec: Codec
    pts_90khz: int
    dts_90khz: int
    data: list[bytes] = field(repr=False)
    is_keyframe: bool = True
    is_discontinuous: bool = False

    @property
    def is_video(self) -> bool:
        """Whether it is a picture."""
        return self.codec.is_video


class UnitConverter(Protocol):
    """Makes sound of another codec, in a thread of its own; what it has made goes where its maker said."""

    def feed(self, unit: AccessUnit) -> None:
        """Take a frame, and wait for nothing."""

    def close(self) -> None:
        """End."""
