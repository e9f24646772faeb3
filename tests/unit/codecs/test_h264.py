import pytest
from tests.support.encoded_streams import encoded_stream

from headrace.base.errors import PacketError
from headrace.codecs.h264 import (
    MAX_RECOVERY_FRAMES,
    MAX_SEI_BYTES,
    NalType,
    SpsFacts,
    is_keyframe,
    is_recovery_point,
    nal_type,
    parse_sps,
    recovery_frame_count,
)
from headrace.remux.ts_to_units import TsToUnits

# OpenH264, as in Chromium, 640 x 480.
BASELINE = bytes.fromhex("6742c01e8c8d40501ed00f08846a")


def sps_of(**options: str) -> bytes:
    ts = encoded_stream(3, audio=None, video_options={"preset": "ultrafast", **options}, size=(322, 182))
    units = TsToUnits().feed(ts)
    return next(nal for unit in units for nal in unit.data if nal_type(nal) == NalType.SPS)


def test_a_baseline_set_has_no_reordering_though_it_does_not_say_so() -> None:
    facts = parse_sps(BASELINE)
    assert (facts.profile_idc, facts.level_idc, facts.max_num_reorder_frames) == (66, 30, 0)
    assert facts.profile_level_id == "42c01e"
    assert (facts.width, facts.height) == (640, 480)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"profile": "baseline"}, SpsFacts(66, 0xC0, 13, 322, 182, 0)),
        ({"profile": "main", "preset": "fast", "tune": "zerolatency"}, SpsFacts(77, 0x40, 13, 322, 182, 0)),
        ({"profile": "high", "bf": "2", "preset": "fast"}, SpsFacts(100, 0, 13, 322, 182, 2)),
        (
            {"preset": "fast", "x264-params": "cqm=jvt:bframes=0"},
            SpsFacts(100, 0, 13, 322, 182, 0),
        ),
        ({"tune": "zerolatency", "x264-params": "nal-hrd=cbr:vbv-bufsize=300:vbv-maxrate=300:bitrate=300"}, None),
    ],
)
def test_what_x264_writes_is_read(options: dict[str, str], expected: SpsFacts | None) -> None:
    facts = parse_sps(sps_of(**options))
    if expected is not None:
        assert facts == expected
    assert facts.max_num_reorder_frames is not None


def test_a_set_may_end_anywhere_and_is_then_an_error() -> None:
    for end in range(len(BASELINE) - 3):
        with pytest.raises(PacketError, match=r"not_an_sps|short_header|bad_golomb_code"):
            parse_sps(BASELINE[:end])


@pytest.mark.parametrize("nal", [b"", b"\x67", b"\x68" + BASELINE[1:]])
def test_another_unit_is_no_set(nal: bytes) -> None:
    with pytest.raises(PacketError, match="not_an_sps"):
        parse_sps(nal)


def test_a_picture_that_is_too_large_or_has_no_size_is_refused() -> None:
    # Width in macroblocks as an Exp-Golomb code: 1024 are 16384 pixels, 1025 are not taken.
    def sps(macroblocks: int) -> bytes:
        def ue(value: int) -> str:
            return f"{value + 1:b}".rjust(2 * (value + 1).bit_length() - 1, "0")

        bits = ue(0) + ue(0) + ue(2) + ue(1) + "0" + ue(macroblocks - 1) + ue(0) + "11" + "0" + "0" + "1"
        bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
        return b"\x67\x42\xc0\x1e" + int(bits, 2).to_bytes(len(bits) // 8, "big")

    assert parse_sps(sps(1024)).width == 16_384
    with pytest.raises(PacketError, match="bad_sps"):
        parse_sps(sps(1025))


def test_keyframes_have_idr_slices() -> None:
    assert is_keyframe([b"\x09\xf0", b"\x67", b"\x65\x88"])
    assert not is_keyframe([b"\x09\xf0", b"\x67", b"\x41\x88"])
    assert not is_keyframe([])


def sei(*messages: tuple[int, bytes]) -> bytes:
    """Return a unit of notes."""
    body = b"".join(bytes((kind, len(data))) + data for kind, data in messages)
    return b"\x06" + body + b"\x80"


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        (sei((6, b"\xc0")), 0),
        (sei((6, b"\x05\x40")), 41),
        (sei((1, b"\0\x01"), (6, b"\xc0")), 0),
        (sei((1, b"\0\x01")), None),
        (sei((6, b"")), None),
        (sei((6, b"\0")), None),
        (b"\x06\x05\xff\xff\x02" + bytes(512) + b"\x06\x01\xc0\x80", 0),
        (b"\x06\x05\xff\xff\xff\xff", None),
        (b"\x06\x06", None),
        (b"\x06", None),
    ],
)
def test_a_recovery_point_says_after_how_many_pictures_all_is_whole(unit: bytes, count: int | None) -> None:
    assert recovery_frame_count(unit) == count


def test_decoding_starts_with_a_recovery_point_that_is_near() -> None:
    codes = {count: f"{count + 1:b}" for count in (MAX_RECOVERY_FRAMES, MAX_RECOVERY_FRAMES + 1)}
    for count, code in codes.items():
        bits = "0" * (len(code) - 1) + code
        data = int(bits.ljust(24, "1"), 2).to_bytes(3, "big")
        assert is_recovery_point([b"\x41", sei((6, data))]) is (count <= MAX_RECOVERY_FRAMES)
    assert not is_recovery_point([b"\x41\x06\x01\xc0"])


def test_a_recovery_point_far_behind_other_notes_is_not_looked_for() -> None:
    assert recovery_frame_count(b"\x06" + b"\x05\x00" * MAX_SEI_BYTES + b"\x06\x01\xc0") is None
