"""RTP packets of a producer, whose keys are right and whose payloads are not: in any order, with any content."""

from random import Random
from typing import Final

from tests.fuzz.reader import Reader
from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.rtp_streams import packets, picture

from headrace.base.errors import PacketError
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.reorder_buffer import MAX_AHEAD_PACKETS, MAX_NACKS
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_to_units import RtpToUnits, from_rtx
from headrace.remux.units_to_ts import UnitsToTs
from headrace.webrtc.rtp import RtpPacket

_CODECS: Final = (Codec.H264, Codec.HEVC, Codec.AV1, Codec.OPUS)
_STEPS: Final = (1, 1, 1, 1, 0, 2, -1, 3, 511, 512, 513, -300, 0x8000, 2047)
_PACKET_COST_BYTES: Final = 256
"""A jump of 512 sequence numbers is 512 packets to wait for, as if these had been handed over."""


def run(data: bytes) -> int:
    """Play a script: a packet, a repetition, a report or time that passes in each step."""
    reader = Reader(data)
    stream = RtpToUnits(_CODECS[reader.below(len(_CODECS))], SessionClock())
    to_ts = UnitsToTs([stream.codec])
    now_us, seqno, timestamp, handed_bytes = 0, 0xFFF0, 0xFFFF_0000, 0
    while not reader.is_over:
        what = reader.below(16)
        units: list[AccessUnit] = []
        handed_bytes += _PACKET_COST_BYTES
        if what < 12:
            seqno += _STEPS[reader.below(len(_STEPS))]
            timestamp += 3_000 * reader.below(3)
            packet = RtpPacket(
                96, seqno & 0xFFFF, timestamp & 0xFFFF_FFFF, 1, reader.take(reader.below(64)), marker=what % 2 == 0
            )
            handed_bytes += 12 + len(packet.payload)
            units = _repeat(stream, packet, now_us) if what == 11 else stream.feed(packet, now_us)
        elif what == 12:
            stream.clock.handle_report(reader.number(6), reader.number(4))
        else:
            now_us += 10_000 * reader.number(1)
            units = stream.handle_timer(now_us)
        for unit in units:
            _check_unit(stream, unit, to_ts)
        _check(stream, now_us)
    return handed_bytes + len(data)


def _repeat(stream: RtpToUnits, packet: RtpPacket, now_us: int) -> list[AccessUnit]:
    try:
        return stream.feed(from_rtx(packet, ssrc=1, payload_type=96), now_us)
    except PacketError as error:
        assert error.reason == "short_rtx"
        return []


def _check_unit(stream: RtpToUnits, unit: AccessUnit, to_ts: UnitsToTs) -> None:
    assert unit.codec == stream.codec
    assert unit.data
    assert all(unit.data)
    for payload in to_ts.feed(unit):
        assert len(payload) % 188 == 0


def _check(stream: RtpToUnits, now_us: int) -> None:
    """See that nothing in it is larger than it may be, and that it knows when to be called."""
    held = stream._buffer
    assert len(held._held) <= MAX_AHEAD_PACKETS
    assert len(held._missing) <= MAX_AHEAD_PACKETS
    assert not held._held.keys() & held._missing.keys()
    asked = stream.poll_nacks(now_us)
    assert len(asked) <= MAX_NACKS
    assert all(0 <= number <= 0xFFFF for number in asked)
    stream.poll_keyframe_wish(now_us)
    assert (stream.poll_timer() is None) == (not held._missing)
    assert len(stream.drops) <= 20


def seeds() -> list[bytes]:
    """Return scripts that send pictures in order and out of order."""
    pictures = [picture(number, key=number == 0, size=60) for number in range(4)]
    scripts = []
    for kind in range(len(_CODECS)):
        script = bytes([kind])
        for packet in packets(pictures):
            body = packet.payload[:60]
            script += bytes([0, 0, 1, len(body)]) + body
        scripts += [script, script[:1] + script[68:] + b"\x0d\x20\x0c" + b"\x01" * 10]
    return scripts


def wrong(data: bytes, random: Random) -> bytes:
    """Return the script with a byte or two other."""
    return make_wrong(data, random)


TARGET = Target(run, seeds, wrong, max_bytes=2_048, base_lines=4_000, lines_per_byte=60)
