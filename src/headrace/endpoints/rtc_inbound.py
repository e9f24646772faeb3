"""One stream that a browser sends: its packets become units, and its sender is told what is missing.

Source: RFC 3550, 6.4 (reports); RFC 4585, 6.2.1 and 6.3.1 (NACK, PLI); RFC 4588 (retransmissions).
"""

from typing import Final, NamedTuple

from headrace.base.errors import PacketError
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.rtp_to_units import RtpToUnits, from_rtx
from headrace.webrtc.rtcp import (
    Nack,
    PictureLossIndication,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    middle_of,
    unix_time_us,
)
from headrace.webrtc.rtp import RtpPacket, unwrap_seqno

SILENCE_US: Final = 2_000_000
"""Another source may take the place of one that has been silent for so long: a sender that began anew."""
_DELAY_UNITS: Final = 65_536
_MILLION: Final = 1_000_000


class InboundNumbers(NamedTuple):
    """How a stream is known.

    Attributes:
        codec: Of its packets.
        payload_type: Of its packets.
        rtx_payload_type: Of those that are sent again; None if they have none of their own.
    """

    codec: Codec
    payload_type: int
    rtx_payload_type: int | None = None


class InboundStream:
    """Pictures or sound that come.

    Args:
        numbers: How it is known.
        session: The clock that it shares with the other streams.
        own_ssrc: Ours, as its receiver.

    Attributes:
        numbers: As given.
        ssrc: Its source; None before its first packet.
        heard_us: When its newest packet came.
        received_bytes: Of payload.
        units: Takes the packets.
    """

    __slots__ = (
        "_highest",
        "_last_report",
        "_own_ssrc",
        "_session",
        "_told_lost",
        "_told_received",
        "heard_us",
        "numbers",
        "received_bytes",
        "ssrc",
        "units",
    )

    def __init__(self, numbers: InboundNumbers, session: SessionClock, own_ssrc: int) -> None:
        self.numbers = numbers
        self._session = session
        self._own_ssrc = own_ssrc
        self.ssrc: int | None = None
        self.heard_us = 0
        self.received_bytes = 0
        self._begin(None)

    def _begin(self, ssrc: int | None) -> None:
        self.ssrc = ssrc
        self.units = RtpToUnits(self.numbers.codec, self._session)
        self._highest: int | None = None
        self._last_report: tuple[int, int] | None = None
        self._told_lost = self._told_received = 0

    def takes(self, packet: RtpPacket) -> bool:
        """Return whether a packet is this stream's."""
        return packet.payload_type in self.numbers[1:]

    def feed(self, packet: RtpPacket, now_us: int) -> list[AccessUnit]:
        """Return the units that are now whole.

        Raises:
            PacketError: ``rtp_second_source``, ``rtx_before_stream``, or what `from_rtx` raises.
        """
        if packet.payload_type == self.numbers.rtx_payload_type:
            if self.ssrc is None:
                raise PacketError("rtx_before_stream")
            if not packet.payload:
                return []  # padding, with which a sender probes the bandwidth
            packet = from_rtx(packet, ssrc=self.ssrc, payload_type=self.numbers.payload_type)
        elif packet.ssrc != self.ssrc:
            if self.ssrc is not None and now_us - self.heard_us < SILENCE_US:
                raise PacketError("rtp_second_source")
            self._begin(packet.ssrc)
        self.heard_us = now_us
        self.received_bytes += len(packet.payload)
        near = packet.seqno if self._highest is None else self._highest
        self._highest = max(near, unwrap_seqno(packet.seqno, near))
        return self.units.feed(packet, now_us)

    def handle_report(self, report: SenderReport, now_us: int) -> None:
        """Take what the sender says of its clock."""
        self.units.clock.handle_report(unix_time_us(report.ntp_time), report.rtp_timestamp)
        self._last_report = middle_of(report.ntp_time), now_us

    def poll_requests(self, now_us: int) -> list[RtcpPacket]:
        """Return what the sender is to be asked for now."""
        if self.ssrc is None:
            return []
        requests: list[RtcpPacket] = []
        missing = self.units.poll_nacks(now_us)
        if missing:
            requests.append(Nack(self._own_ssrc, self.ssrc, tuple(missing)))
        if self.units.poll_keyframe_wish(now_us):
            requests.append(PictureLossIndication(self._own_ssrc, self.ssrc))
        return requests

    def report(self, now_us: int) -> ReportBlock | None:
        """Return what the sender is told of its stream, None while there is nothing to tell."""
        if self.ssrc is None or self._highest is None:
            return None
        lost = self.units.lost_packets - self._told_lost
        came = self.units.received_packets - self._told_received
        self._told_lost, self._told_received = self.units.lost_packets, self.units.received_packets
        last, at_us = self._last_report or (0, now_us)
        return ReportBlock(
            self.ssrc,
            fraction_lost=min(255, 256 * lost // (lost + came)) if lost else 0,
            lost_packets=self.units.lost_packets,
            highest_seqno=self._highest & 0xFFFF_FFFF,
            last_report=last,
            delay=(now_us - at_us) * _DELAY_UNITS // _MILLION & 0xFFFF_FFFF,
        )
