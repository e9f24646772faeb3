from tests.unit.codecs.test_h264 import BASELINE

from headrace.remux.access_unit import Codec
from headrace.remux.parameter_sets import MAX_SET_BYTES, MAX_SETS, ParameterSets

PPS = bytes.fromhex("68ce01a835c8")
IDR, SLICE = b"\x65\x88", b"\x41\x9a"


def pps(number: int, tail: bytes = b"\x80") -> bytes:
    bits = f"{number + 1:b}".rjust(2 * (number + 1).bit_length() - 1, "0").ljust(24, "1")
    return b"\x68" + int(bits, 2).to_bytes(3, "big") + tail


def test_a_keyframe_without_sets_gets_those_that_were_seen() -> None:
    sets = ParameterSets(Codec.H264)
    assert sets.complete([IDR], is_keyframe=True) == [IDR]
    assert sets.complete([BASELINE, PPS, SLICE], is_keyframe=False) == [BASELINE, PPS, SLICE]
    assert sets.complete([IDR], is_keyframe=True) == [BASELINE, PPS, IDR]
    assert sets.complete([SLICE], is_keyframe=False) == [SLICE]
    assert sets.sps_facts is not None
    assert sets.sps_facts.width == 640


def test_a_keyframe_with_one_kind_gets_the_other() -> None:
    sets = ParameterSets(Codec.H264)
    sets.complete([BASELINE, PPS], is_keyframe=False)
    assert sets.complete([BASELINE, IDR], is_keyframe=True) == [PPS, BASELINE, IDR]


def test_a_set_of_the_same_id_takes_the_place_of_the_old_one() -> None:
    sets = ParameterSets(Codec.H264)
    sets.complete([BASELINE, pps(0, b"old"), pps(1)], is_keyframe=False)
    sets.complete([pps(0, b"new")], is_keyframe=False)
    assert sets.complete([IDR], is_keyframe=True) == [BASELINE, pps(1), pps(0, b"new"), IDR]


def test_no_more_than_the_limit_is_kept_and_the_oldest_goes() -> None:
    sets = ParameterSets(Codec.H264)
    sets.complete([pps(number) for number in range(MAX_SETS + 1)], is_keyframe=False)
    assert sets.complete([IDR], is_keyframe=True) == [*(pps(number) for number in range(1, MAX_SETS + 1)), IDR]


def test_a_set_that_is_too_long_or_cannot_be_read_is_not_kept() -> None:
    sets = ParameterSets(Codec.H264)
    fits, too_long = pps(0, bytes(MAX_SET_BYTES - 4)), pps(0, bytes(MAX_SET_BYTES - 3))
    sets.complete([too_long, b"\x67\x42", b"\x68"], is_keyframe=False)
    assert sets.complete([IDR], is_keyframe=True) == [IDR]
    sets.complete([fits], is_keyframe=False)
    assert sets.complete([IDR], is_keyframe=True) == [fits, IDR]
