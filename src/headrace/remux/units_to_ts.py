"""From pictures and sound to a transport stream in payloads for SRT, nothing held back.

Source: ISO/IEC 13818-1; "OpusTS" (wiki.xiph.org): registration "Opus", a DVB extension descriptor with the
channels, and a control header before each packet.
"""

from collections.abc import Sequence
from typing import Final

from headrace.base.errors import LocalProtocolError
from headrace.codecs import av1, h264, hevc
from headrace.codecs.annex_b import START_CODE, join_annex_b
from headrace.codecs.opus import encode_control_header
from headrace.mpegts.muxer import PCR_LEAD_90KHZ, STREAM_PIDS, Muxer
from headrace.mpegts.packetizer import Packetizer
from headrace.mpegts.psi import REGISTRATION_DESCRIPTOR, Descriptor
from headrace.mpegts.stream_type import AV1_FORMAT, OPUS_FORMAT, StreamType
from headrace.remux.access_unit import AccessUnit, Codec

FIRST_PTS_90KHZ: Final = 90_000
"""Time of the first unit: room for the clock reference, and for sound that comes after it but is older."""
MAX_SOUND_BYTES: Final = 65_000
"""What a PES packet of sound holds, without its header and a control header."""

_STREAM_TYPES: Final = {
    Codec.H264: StreamType.H264,
    Codec.HEVC: StreamType.HEVC,
    Codec.AV1: StreamType.PRIVATE_DATA,
    Codec.AAC: StreamType.AAC_ADTS,
    Codec.OPUS: StreamType.PRIVATE_DATA,
}
_DELIMITERS: Final = {Codec.H264: b"\x09\xf0", Codec.HEVC: b"\x46\x01\x50"}
_NAL_TYPES: Final = {Codec.H264: h264.nal_type, Codec.HEVC: hevc.nal_type}
_EXTENSION_DESCRIPTOR: Final = 0x7F
_OPUS_EXTENSION: Final = 0x80
_STEREO: Final = 2
_DESCRIPTORS: Final = {
    Codec.OPUS: (
        Descriptor(REGISTRATION_DESCRIPTOR, OPUS_FORMAT),
        Descriptor(_EXTENSION_DESCRIPTOR, bytes([_OPUS_EXTENSION, _STEREO])),
    ),
    Codec.AV1: (Descriptor(REGISTRATION_DESCRIPTOR, AV1_FORMAT),),
}
_AV1_DELIMITER: Final = b"\x10"


class UnitsToTs:
    """Makes a transport stream of one program.

    Args:
        codecs: Of the streams: the video first if there is one, then AAC before Opus, as players take the first.

    Attributes:
        dropped_units: Units that were too long, or older than the one before of their stream or than the clock.

    Raises:
        LocalProtocolError: There is none, or more than three.
    """

    __slots__ = ("_indices", "_last_dts_90khz", "_muxer", "_packetizer", "_shift_90khz", "dropped_units")

    def __init__(self, codecs: Sequence[Codec]) -> None:
        if not 1 <= len(codecs) <= len(STREAM_PIDS):
            raise LocalProtocolError(f"no transport stream can be made of {[codec.value for codec in codecs]}")
        self._indices = {codec: index for index, codec in enumerate(codecs)}
        self._muxer = muxer_of(codecs)
        self._packetizer = Packetizer()
        self._shift_90khz: int | None = None
        self._last_dts_90khz = dict.fromkeys(codecs, PCR_LEAD_90KHZ - 1)
        self.dropped_units = 0

    def feed(self, unit: AccessUnit) -> list[bytes]:
        """Return the payloads of one unit: of 1316 bytes, and the last of what is left."""
        if self._shift_90khz is None:
            self._shift_90khz = FIRST_PTS_90KHZ - unit.dts_90khz
        pts_90khz, dts_90khz = unit.pts_90khz + self._shift_90khz, unit.dts_90khz + self._shift_90khz
        index = self._indices.get(unit.codec)
        if index is None:
            raise LocalProtocolError(f"the stream has no {unit.codec.value}")
        data = encode_unit(unit)
        if dts_90khz <= self._last_dts_90khz[unit.codec] or (not unit.is_video and len(data) > MAX_SOUND_BYTES):
            self.dropped_units += 1
            return []
        self._last_dts_90khz[unit.codec] = dts_90khz
        ts = self._muxer.write(index, data, pts_90khz, dts_90khz, random_access=unit.is_keyframe)
        return [payload for payload in (*self._packetizer.feed(ts), self._packetizer.flush()) if payload]


def muxer_of(codecs: Sequence[Codec]) -> Muxer:
    """Return a muxer of one to three streams: the video first if there is one."""
    descriptors = {index: _DESCRIPTORS[codec] for index, codec in enumerate(codecs) if codec in _DESCRIPTORS}
    return Muxer([_STREAM_TYPES[codec] for codec in codecs], descriptors)


def encode_unit(unit: AccessUnit) -> bytes:
    """Return what a PES packet of a unit holds."""
    if unit.codec == Codec.OPUS:
        return b"".join(encode_control_header(len(packet)) + packet for packet in unit.data)
    if unit.codec == Codec.AAC:
        return b"".join(unit.data)
    if unit.codec == Codec.AV1:
        return b"".join(START_CODE + av1.escape(av1.with_size(obu)) for obu in (_AV1_DELIMITER, *unit.data))
    delimiter = _DELIMITERS[unit.codec]
    nal_type = _NAL_TYPES[unit.codec]
    has_delimiter = bool(unit.data) and nal_type(unit.data[0]) == nal_type(delimiter)
    return join_annex_b(unit.data if has_delimiter else [delimiter, *unit.data])
