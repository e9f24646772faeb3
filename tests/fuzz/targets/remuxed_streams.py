"""Transport streams of producers: to pictures and sound, to RTP packets, back to units and to a stream again."""

from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets import streams
from tests.fuzz.targets.streams import check_demuxer
from tests.support.rtp_streams import picture, sound

from headrace.codecs.aac import encode_adts
from headrace.mpegts.packet import TS_PACKET_BYTES
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.parameter_sets import MAX_SETS
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_packetizer import MAX_PACKET_BYTES, RtpPacketizer
from headrace.remux.rtp_to_units import RtpToUnits
from headrace.remux.ts_to_units import TsToUnits
from headrace.remux.units_to_ts import UnitsToTs
from headrace.webrtc.rtp import decode_rtp

_ORDER: Final = (Codec.H264, Codec.HEVC, Codec.AV1, Codec.AAC, Codec.OPUS)


def run(data: bytes) -> int:
    """Take a stream all the way."""
    to_units, units = TsToUnits(), list[AccessUnit]()
    for at in range(0, len(data), 1316):
        units += to_units.feed(data[at : at + 1316])
        if at % 7 == 6:
            to_units.handle_gap()
        check_demuxer(to_units._demuxer)
    assert len(to_units.codecs) <= len(_ORDER)
    assert sum(codec.is_video for codec in to_units.codecs.values()) <= 1
    sets = to_units._parameter_sets
    assert sets is None or all(len(kept) <= MAX_SETS for kept in sets._sets.values())
    assert to_units.notice is None or len(to_units.notice) > 30
    for codec in {unit.codec for unit in units}:
        _check_codec(codec, [unit for unit in units if unit.codec == codec])
    return 8 * len(data) + sum(len(part) for unit in units for part in unit.data)


def _check_codec(codec: Codec, units: list[AccessUnit]) -> None:
    given = units if codec == Codec.AAC else _through_rtp(codec, units)
    to_ts = UnitsToTs([codec])
    for unit in given:
        for payload in to_ts.feed(unit):
            assert 0 < len(payload) <= 7 * TS_PACKET_BYTES
            assert len(payload) % TS_PACKET_BYTES == 0


def _through_rtp(codec: Codec, units: list[AccessUnit]) -> list[AccessUnit]:
    packetizer, receiver = RtpPacketizer(codec, ssrc=1, payload_type=96), RtpToUnits(codec, SessionClock())
    found: list[AccessUnit] = []
    for unit in units:
        for packet in packetizer.packetize(unit):
            assert 12 < len(packet) <= MAX_PACKET_BYTES
            found += receiver.feed(decode_rtp(packet), 0)
    assert receiver.lost_packets == 0
    assert len(found) <= len(units)
    return found


def seeds() -> list[bytes]:
    """Return short streams of each codec, and those of the demuxer."""
    frame = encode_adts(30) + bytes(30)
    hevc = AccessUnit(Codec.HEVC, 0, 0, [b"\x40\x01v", b"\x42\x01s", b"\x44\x01\xc0", b"\x26\x01" + bytes(300)])
    av1 = AccessUnit(Codec.AV1, 0, 0, [b"\x08\0\0\0\x42", b"\x30\x10" + b"p" * 300])
    lists = [
        [picture(0, key=True, size=200), picture(1, size=100), sound(0), sound(1)],
        [picture(0, key=True, size=50), AccessUnit(Codec.AAC, 0, 0, [frame]), sound(0)],
        [hevc, sound(0)],
        [av1],
    ]
    made = [b"".join(_stream(units)) for units in lists]
    return made + streams.seeds()


def _stream(units: list[AccessUnit]) -> list[bytes]:
    to_ts = UnitsToTs([codec for codec in _ORDER if codec in {unit.codec for unit in units}])
    return [payload for unit in units for payload in to_ts.feed(unit)]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the stream with something wrong, as for the demuxer."""
    return streams.wrong(data, random)


TARGET = Target(run, seeds, wrong, max_bytes=24 * TS_PACKET_BYTES, base_lines=4_000, lines_per_byte=40)
