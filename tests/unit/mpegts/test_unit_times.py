"""When the units are to be shown that begin in a payload."""

import pytest
from tests.support.transport import packets_of

from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import encode_packet
from headrace.mpegts.pes import AUDIO_STREAM_ID, PTS_MODULUS_90KHZ, VIDEO_STREAM_ID, encode_pes
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.unit_times import MAX_SOUND_90KHZ, find_stream_end, oldest_dts_90khz, unit_times


def unit(pts_90khz: int, dts_90khz: int | None = None) -> bytes:
    pes = encode_pes(VIDEO_STREAM_ID, bytes(20), pts_90khz, dts_90khz)
    return encode_packet(0x100, 0, pes, payload_unit_start=True)


def test_each_unit_that_begins_tells_its_times() -> None:
    ts = Muxer([StreamType.H264]).write(0, bytes(300), 93_000, 90_000, random_access=True)
    assert list(unit_times(ts)) == [(93_000, 90_000)]
    assert list(unit_times(unit(5) + unit(9, 7))) == [(5, 5), (9, 7)]


def test_what_has_no_times_tells_none() -> None:
    for packet in (
        encode_packet(0x100, 0, bytes(184), payload_unit_start=True),
        encode_packet(0x100, 0, b"", pcr_27mhz=0),
        encode_packet(0x100, 0, b"\0\0\x01\xe0\0\0\x80\xc0", payload_unit_start=True),
        encode_packet(0x100, 0, b"\0\0\x01\xbe\0\0" + bytes(50), payload_unit_start=True),
        packets_of(unit(5))[0][:3] + b"\x90" + unit(5)[4:],
        b"no transport stream",
    ):
        assert list(unit_times(packet)) == []
    assert find_stream_end([]) == (None, None)
    assert oldest_dts_90khz([b"x"]) is None


def test_newest_and_oldest_are_told_through_the_wrap_and_any_order() -> None:
    payloads = [unit(30, 10), unit(PTS_MODULUS_90KHZ - 5, PTS_MODULUS_90KHZ - 20), unit(20)]
    assert find_stream_end(payloads) == (30, None)
    assert oldest_dts_90khz(payloads) == PTS_MODULUS_90KHZ - 20


def sound(pts_90khz: int, pid: int = 0x101) -> bytes:
    return encode_packet(pid, 0, encode_pes(AUDIO_STREAM_ID, bytes(20), pts_90khz), payload_unit_start=True)


@pytest.mark.parametrize("first_90khz", [0, PTS_MODULUS_90KHZ - 30_000])
def test_the_last_sound_lasts_as_long_as_the_longest_before_it(first_90khz: int) -> None:
    payloads = [sound(first_90khz + at) for at in (0, 19_200, 36_480, 53_760)]
    end_90khz = (first_90khz + 53_760 + 19_200) % PTS_MODULUS_90KHZ
    assert find_stream_end(payloads).sound_end_90khz == end_90khz
    others = [sound(first_90khz + 1_000, 0x102), unit(100_000)]
    assert find_stream_end(payloads + others).sound_end_90khz == end_90khz


def test_what_is_longer_than_sound_can_be_or_alone_ends_when_it_begins() -> None:
    assert find_stream_end([sound(7)]).sound_end_90khz == 7
    assert find_stream_end([sound(0), sound(MAX_SOUND_90KHZ)]).sound_end_90khz == 2 * MAX_SOUND_90KHZ
    assert find_stream_end([sound(0), sound(MAX_SOUND_90KHZ + 1)]).sound_end_90khz == MAX_SOUND_90KHZ + 1
    assert find_stream_end([sound(9), sound(0)]).sound_end_90khz == 0


def test_pictures_alone_have_no_sound_that_ends() -> None:
    assert find_stream_end([unit(0), unit(3_000), b"x"]).sound_end_90khz is None
