"""When the units are to be shown that begin in a payload."""

from tests.support.transport import packets_of

from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import encode_packet
from headrace.mpegts.pes import PTS_MODULUS_90KHZ, VIDEO_STREAM_ID, encode_pes
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.unit_times import newest_pts_90khz, oldest_dts_90khz, unit_times


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
    assert newest_pts_90khz([]) is None
    assert oldest_dts_90khz([b"x"]) is None


def test_newest_and_oldest_are_told_through_the_wrap_and_any_order() -> None:
    payloads = [unit(30, 10), unit(PTS_MODULUS_90KHZ - 5, PTS_MODULUS_90KHZ - 20), unit(20)]
    assert newest_pts_90khz(payloads) == 30
    assert oldest_dts_90khz(payloads) == PTS_MODULUS_90KHZ - 20
