"""AAC: frames with ADTS headers, and the AudioSpecificConfig that says the same outside of the stream.

Source: ISO/IEC 13818-7, 6.2 (ADTS); ISO/IEC 14496-3, 1.6.2.1 (AudioSpecificConfig).
"""

from dataclasses import dataclass
from typing import Final

from headrace.base.errors import PacketError

SAMPLE_RATES_HZ: Final = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)
"""By ``sampling_frequency_index``."""
SAMPLES_PER_BLOCK: Final = 1024
ADTS_HEADER_BYTES: Final = 7
MAX_FRAME_BYTES: Final = (1 << 13) - 1
"""What the length field of ADTS holds."""


@dataclass(frozen=True, slots=True)
class AdtsHeader:
    """What stands before a frame.

    Attributes:
        object_type: 2 is AAC-LC.
        sample_rate_hz: Of the core coder.
        channels: ``channel_configuration``: 1 mono, 2 stereo, 6 and 7 are 5.1 and 7.1, 0 is said in the stream.
        header_bytes: 7, or 9 with a CRC.
        frame_bytes: Header included.
        samples: Of one channel, in this frame.
    """

    object_type: int
    sample_rate_hz: int
    channels: int
    header_bytes: int
    frame_bytes: int
    samples: int

    @property
    def config(self) -> bytes:
        """The AudioSpecificConfig, two bytes."""
        index = SAMPLE_RATES_HZ.index(self.sample_rate_hz)
        return (self.object_type << 11 | index << 7 | self.channels << 3).to_bytes(2, "big")


def decode_adts(data: bytes, offset: int = 0) -> AdtsHeader:
    """Decode the header at ``offset``.

    Raises:
        PacketError: ``short_adts``, ``no_adts_sync`` or ``bad_adts``.
    """
    if len(data) - offset < ADTS_HEADER_BYTES:
        raise PacketError("short_adts")
    if data[offset] != 0xFF or data[offset + 1] & 0xF6 != 0xF0:
        raise PacketError("no_adts_sync")
    bits = int.from_bytes(data[offset : offset + ADTS_HEADER_BYTES], "big")
    rate_index = bits >> 34 & 15
    header_bytes = 7 if bits >> 40 & 1 else 9
    frame_bytes = bits >> 13 & 0x1FFF
    if rate_index >= len(SAMPLE_RATES_HZ) or frame_bytes < header_bytes:
        raise PacketError("bad_adts", f"sampling frequency index {rate_index}, {frame_bytes} bytes")
    samples = SAMPLES_PER_BLOCK * ((bits & 3) + 1)
    object_type = (bits >> 38 & 3) + 1
    return AdtsHeader(object_type, SAMPLE_RATES_HZ[rate_index], bits >> 30 & 7, header_bytes, frame_bytes, samples)


def encode_adts(
    frame_bytes: int, *, object_type: int = 2, sample_rate_hz: int = 48_000, channels: int = 2
) -> bytes:
    """Return the header of a frame of ``frame_bytes`` without its header.

    Raises:
        ValueError: The frame is over `MAX_FRAME_BYTES`, or the rate is none of AAC's.
    """
    total_bytes = frame_bytes + ADTS_HEADER_BYTES
    if total_bytes > MAX_FRAME_BYTES:
        raise ValueError(f"an AAC frame of {frame_bytes} bytes is too long for ADTS")
    index = SAMPLE_RATES_HZ.index(sample_rate_hz)
    bits = 0xFFF1 << 40 | (object_type - 1) << 38 | index << 34 | channels << 30 | total_bytes << 13 | 0x7FF << 2
    return bits.to_bytes(ADTS_HEADER_BYTES, "big")


def split_adts(data: bytes) -> list[tuple[AdtsHeader, bytes]]:
    """Return the frames of a PES packet, each with its header.

    Raises:
        PacketError: As `decode_adts`, or ``short_adts`` if the last one is not whole.
    """
    frames: list[tuple[AdtsHeader, bytes]] = []
    offset = 0
    while offset < len(data):
        header = decode_adts(data, offset)
        end = offset + header.frame_bytes
        if end > len(data):
            raise PacketError("short_adts")
        frames.append((header, data[offset:end]))
        offset = end
    return frames
