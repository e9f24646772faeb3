"""H.264: the kinds of units, and what a sequence parameter set says.

Source: ITU-T H.264, 7.3.1, 7.4.1 (units), 7.3.2.1.1 (sequence parameter set), E.1 (VUI), 7.3.2.3.1 and D.1.8
(recovery point).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from headrace.base.errors import PacketError
from headrace.codecs.bit_reader import BitReader, unescape

MAX_SIDE_PIXELS: Final = 16_384
"""Level 6.2 has 139,264 macroblocks; a row of 16,384 pixels is the longest that is used."""


class NalType(IntEnum):
    """``nal_unit_type``, as far as it matters here."""

    SLICE = 1
    IDR_SLICE = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    FILLER = 12
    STAP_A = 24
    FU_A = 28


NEEDLESS_TYPES: Final = frozenset({NalType.ACCESS_UNIT_DELIMITER, NalType.FILLER})
"""What an RTP receiver has no use for: packets have bounds of their own."""

MAX_RECOVERY_FRAMES: Final = 300
"""A picture is whole again when every column of macroblocks has been refreshed: 4K has 240."""
MAX_SEI_BYTES: Final = 1_024
"""So much of a unit of notes is looked into; a recovery point is among the first."""

_RECOVERY_POINT: Final = 6
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_SAR: Final = 255
_MAX_HRD_COUNT: Final = 32
_MAX_POC_CYCLE: Final = 255


@dataclass(frozen=True, slots=True)
class SpsFacts:
    """What a sequence parameter set says.

    Attributes:
        profile_idc: 66 baseline, 77 main, 100 high.
        constraint_flags: The byte after it; 0x40 with 66 is constrained baseline.
        level_idc: Ten times the level.
        width: Pixels of a row, cropped.
        height: Rows, cropped.
        max_num_reorder_frames: Pictures that may precede one in decoding order and follow it on the screen; None
            if it is not said.
    """

    profile_idc: int
    constraint_flags: int
    level_idc: int
    width: int
    height: int
    max_num_reorder_frames: int | None

    @property
    def profile_level_id(self) -> str:
        """Six hexadecimal digits, as in SDP (RFC 6184, 8.1)."""
        return f"{self.profile_idc:02x}{self.constraint_flags:02x}{self.level_idc:02x}"


def nal_type(nal: bytes) -> int:
    """Return the ``nal_unit_type`` of a unit that has at least a byte."""
    return nal[0] & 0x1F


def is_keyframe(nals: Iterable[bytes]) -> bool:
    """Return whether a picture has an IDR slice."""
    return any(nal[0] & 0x1F == NalType.IDR_SLICE for nal in nals)


def is_recovery_point(nals: Iterable[bytes]) -> bool:
    """Return whether decoding can start with a picture though it is no IDR picture: later ones are whole."""
    counts = (recovery_frame_count(nal) for nal in nals if nal[0] & 0x1F == NalType.SEI)
    return any(count is not None and count <= MAX_RECOVERY_FRAMES for count in counts)


def recovery_frame_count(nal: bytes) -> int | None:
    """Return after how many pictures all is whole, as a unit of SEI says, or None; the unit may be cut short."""
    body = unescape(nal[1:MAX_SEI_BYTES])
    at = 0
    while at < len(body):
        kind, at = _read_sei_number(body, at)
        size_bytes, at = _read_sei_number(body, at)
        if kind == _RECOVERY_POINT:
            try:
                return BitReader(body[at : at + size_bytes]).read_ue()
            except PacketError:
                return None
        at += size_bytes
    return None


def _read_sei_number(body: bytes, at: int) -> tuple[int, int]:
    """Return a type or size, and what follows it; what is cut short is one that ends the unit."""
    number = 0
    while at < len(body) and body[at] == 0xFF:
        number, at = number + 0xFF, at + 1
    return (number + body[at], at + 1) if at < len(body) else (number, at)


def parse_sps(nal: bytes) -> SpsFacts:
    """Decode a sequence parameter set, with its header byte and emulation prevention.

    Raises:
        PacketError: ``not_an_sps``, ``short_header``, ``bad_golomb_code`` or ``bad_sps``.
    """
    if len(nal) < 4 or nal_type(nal) != NalType.SPS:
        raise PacketError("not_an_sps")
    reader = BitReader(unescape(nal)[1:])
    profile_idc, constraint_flags, level_idc = reader.read(8), reader.read(8), reader.read(8)
    reader.read_ue()  # seq_parameter_set_id
    chroma_format_idc = 1
    if profile_idc in _HIGH_PROFILES:
        chroma_format_idc = _read_high_profile(reader)
    reader.read_ue()  # log2_max_frame_num_minus4
    _skip_picture_order(reader)
    max_num_ref_frames = reader.read_ue()
    reader.read_flag()  # gaps_in_frame_num_value_allowed_flag
    width, height = _read_size(reader, chroma_format_idc)
    reorder_frames = _read_reorder_frames(reader) if reader.read_flag() else None
    if reorder_frames is None and (profile_idc == 66 or max_num_ref_frames == 0):
        reorder_frames = 0  # Baseline has no B slices (A.2.1).
    return SpsFacts(profile_idc, constraint_flags, level_idc, width, height, reorder_frames)


def _read_high_profile(reader: BitReader) -> int:
    """Skip what high profiles have, and return ``chroma_format_idc``; of separate planes, that of monochrome."""
    chroma_format_idc = reader.read_ue()
    if chroma_format_idc > 3:
        raise PacketError("bad_sps", f"chroma format {chroma_format_idc}")
    array_type = 0 if chroma_format_idc == 3 and reader.read_flag() else chroma_format_idc
    reader.read_ue()  # bit_depth_luma_minus8
    reader.read_ue()  # bit_depth_chroma_minus8
    reader.read_flag()  # qpprime_y_zero_transform_bypass_flag
    if reader.read_flag():
        for number in range(12 if chroma_format_idc == 3 else 8):
            if reader.read_flag():
                _skip_scaling_list(reader, 16 if number < 6 else 64)
    return array_type


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last_scale = next_scale = 8
    for _ in range(size):
        if next_scale:
            next_scale = (last_scale + reader.read_se()) % 256
        last_scale = next_scale or last_scale


def _skip_picture_order(reader: BitReader) -> None:
    order_type = reader.read_ue()
    if order_type == 0:
        reader.read_ue()  # log2_max_pic_order_cnt_lsb_minus4
    elif order_type == 1:
        reader.read_flag()  # delta_pic_order_always_zero_flag
        reader.read_se()  # offset_for_non_ref_pic
        reader.read_se()  # offset_for_top_to_bottom_field
        cycle = reader.read_ue()
        if cycle > _MAX_POC_CYCLE:
            raise PacketError("bad_sps", f"{cycle} reference frames in a cycle")
        for _ in range(cycle):
            reader.read_se()
    elif order_type > 2:
        raise PacketError("bad_sps", f"picture order count type {order_type}")


def _read_size(reader: BitReader, chroma_format_idc: int) -> tuple[int, int]:
    width, height_units = 16 * (reader.read_ue() + 1), reader.read_ue() + 1
    is_frame_only = reader.read_flag()
    if not is_frame_only:
        reader.read_flag()  # mb_adaptive_frame_field_flag
    reader.read_flag()  # direct_8x8_inference_flag
    height = 16 * height_units * (1 if is_frame_only else 2)
    if reader.read_flag():
        unit_x = 2 if chroma_format_idc in {1, 2} else 1
        unit_y = (2 if chroma_format_idc == 1 else 1) * (1 if is_frame_only else 2)
        width -= unit_x * (reader.read_ue() + reader.read_ue())
        height -= unit_y * (reader.read_ue() + reader.read_ue())
    if not (0 < width <= MAX_SIDE_PIXELS and 0 < height <= MAX_SIDE_PIXELS):
        raise PacketError("bad_sps", f"{width} x {height} pixels")
    return width, height


def _read_reorder_frames(reader: BitReader) -> int | None:
    """Read the VUI up to the bitstream restriction, and return ``max_num_reorder_frames`` if it is there."""
    if reader.read_flag() and reader.read(8) == _EXTENDED_SAR:
        reader.read(32)
    if reader.read_flag():
        reader.read_flag()  # overscan_appropriate_flag
    if reader.read_flag():
        reader.read(4)  # video_format, video_full_range_flag
        if reader.read_flag():
            reader.read(24)  # colour primaries, transfer, matrix
    if reader.read_flag():
        reader.read_ue()
        reader.read_ue()  # chroma sample locations
    if reader.read_flag():
        reader.read(65)  # num_units_in_tick, time_scale, fixed_frame_rate_flag
    has_nal_hrd = _skip_hrd(reader)
    if _skip_hrd(reader) or has_nal_hrd:
        reader.read_flag()  # low_delay_hrd_flag
    reader.read_flag()  # pic_struct_present_flag
    if not reader.read_flag():
        return None
    reader.read_flag()  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        reader.read_ue()
    return reader.read_ue()


def _skip_hrd(reader: BitReader) -> bool:
    if not reader.read_flag():
        return False
    count = reader.read_ue() + 1
    if count > _MAX_HRD_COUNT:
        raise PacketError("bad_sps", f"{count} schedules")
    reader.read(8)
    for _ in range(count):
        reader.read_ue()
        reader.read_ue()
        reader.read_flag()
    reader.read(20)
    return True
