"""The session of a browser, OBS or FFmpeg that produces: its media becomes a transport stream.

Source: ``docs/decisions/0023-browsers.md``; RFC 9725 (WHIP).
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from headrace.base.errors import PacketError
from headrace.endpoints.rtc_inbound import InboundNumbers, InboundStream
from headrace.endpoints.rtc_inbound_layers import InboundLayers
from headrace.endpoints.rtc_rids import LayerNumbers
from headrace.endpoints.rtc_session import RtcSession
from headrace.remux.access_unit import AccessUnit, Codec, UnitConverter
from headrace.remux.rtp_clock import SessionClock
from headrace.remux.units_to_ts import UnitsToTs
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.peer import Peer
from headrace.webrtc.rtcp import (
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    encode_compound,
)
from headrace.webrtc.rtp import RtpPacket, decode_rtp

REPORT_INTERVAL_US: Final = 500_000
_SSRC_BYTES: Final = 4


class RtcProducing(RtcSession):
    """One producer.

    Args:
        session_id: Its name.
        channel_id: Its channel.
        peer: Its connection.
        local: What its checks are made with.
        streams: How its streams are known, the picture first.
        sink: Gets the payloads of the transport stream, in this machine's thread.
        random_bytes: Unpredictable.
        most_bits_per_second: Its pictures are asked not to take more.
        opened_us: The time.
        converter: Makes AAC of its Opus, which players of SRT expect; None leaves it as it is.
        layers: How the layers of its picture are known; None if it has but one.

    Attributes:
        streams: What it sends, each layer by itself.
        layers: Those of its picture; None if it has but one.
        opened_us: When it was agreed on.
    """

    kind: ClassVar[str] = "producer by WebRTC"

    def __init__(
        self,
        session_id: str,
        channel_id: str,
        peer: Peer,
        local: IceCredentials,
        *,
        streams: Sequence[InboundNumbers],
        sink: Callable[[list[bytes]], None],
        random_bytes: Callable[[int], bytes],
        most_bits_per_second: int,
        opened_us: int,
        converter: UnitConverter | None = None,
        layers: LayerNumbers | None = None,
    ) -> None:
        super().__init__(session_id, channel_id, peer, local)
        clock = SessionClock()
        self._own_ssrc = int.from_bytes(random_bytes(_SSRC_BYTES), "big")
        self.layers: InboundLayers | None = None
        if layers is not None and streams[0].codec.is_video:
            self.layers = InboundLayers(streams[0], layers, clock, self._own_ssrc)
        self._plain = [
            InboundStream(numbers, clock, self._own_ssrc)
            for numbers in (streams if self.layers is None else streams[1:])
        ]
        self.streams: list[InboundStream] = [
            *(() if self.layers is None else self.layers.streams.values()),
            *self._plain,
        ]
        self._sink = sink
        self.opened_us = opened_us
        self._most_bits_per_second = most_bits_per_second
        self._converter = converter
        codecs = [numbers.codec for numbers in streams]
        if converter is not None and Codec.OPUS in codecs:
            codecs.insert(codecs.index(Codec.OPUS), Codec.AAC)
        self._to_ts = UnitsToTs(codecs)
        self._report_us: int | None = None

    @property
    def heard_us(self) -> int:
        """When media came last; 0 before any did."""
        return max(stream.heard_us for stream in self.streams)

    def handle_connected(self, now_us: int) -> None:
        """Begin to report."""
        self._report_us = now_us

    def handle_rtp(self, packet: bytes, now_us: int) -> None:
        """Take a media packet."""
        try:
            units = self._feed(decode_rtp(packet), now_us)
        except PacketError as error:
            self.peer.ignored_packets[error.reason] += 1
        else:
            self._pass_on(units)

    def _feed(self, packet: RtpPacket, now_us: int) -> list[AccessUnit]:
        if self.layers is not None and self.layers.takes(packet):
            return self.layers.feed(packet, now_us)
        for stream in self._plain:
            if stream.takes(packet):
                return stream.feed(packet, now_us)
        raise PacketError("rtp_payload_type")

    def _pass_on(self, units: Sequence[AccessUnit]) -> None:
        payloads: list[bytes] = []
        for unit in units:
            if unit.codec is Codec.OPUS and self._converter is not None:
                self._converter.feed(unit)
            payloads += self._to_ts.feed(unit)
        if payloads:
            self._sink(payloads)

    def take_converted(self, units: Sequence[AccessUnit]) -> None:
        """Take what the converter has made, in this machine's thread."""
        payloads = [payload for unit in units for payload in self._to_ts.feed(unit)]
        if payloads:
            self._sink(payloads)

    def handle_reports(self, reports: Sequence[RtcpPacket], now_us: int) -> None:
        """Take what the sender says of its clocks."""
        for one in reports:
            for stream in self.streams:
                if isinstance(one, SenderReport) and one.ssrc == stream.ssrc:
                    stream.handle_report(one, now_us)

    def handle_timer(self, now_us: int) -> None:
        """Give up what has been missing for too long."""
        super().handle_timer(now_us)
        if self.layers is not None:
            self._pass_on(self.layers.handle_timer(now_us))
        for stream in self._plain:
            self._pass_on(stream.units.handle_timer(now_us))

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        times = [self.peer.poll_timer(), self._report_us, *(stream.units.poll_timer() for stream in self.streams)]
        return min((due_us for due_us in times if due_us is not None), default=None)

    def poll_rtcp(self, now_us: int) -> list[bytes]:
        """Return what is to be asked for, and the reports that are due."""
        packets: list[RtcpPacket] = []
        is_due = self._report_us is not None and now_us >= self._report_us
        for stream in self.streams:
            packets += stream.poll_requests(now_us)
        if is_due:
            self._report_us = now_us + REPORT_INTERVAL_US
            packets += self._estimate()
        if not packets and not is_due:
            return []
        return [encode_compound([ReceiverReport(self._own_ssrc, self._blocks(now_us, is_due=is_due)), *packets])]

    def _blocks(self, now_us: int, *, is_due: bool) -> tuple[ReportBlock, ...]:
        blocks = [stream.report(now_us) for stream in self.streams] if is_due else []
        return tuple(block for block in blocks if block is not None)

    def _estimate(self) -> list[RtcpPacket]:
        """Return what lets a sender that asks for it send well from the start: it has its losses told besides."""
        ssrcs = tuple(stream.ssrc for stream in self.streams if stream.ssrc is not None)
        return [ReceiverEstimate(self._own_ssrc, self._most_bits_per_second, ssrcs)] if ssrcs else []

    def close(self) -> None:
        """End what was begun for it."""
        if self._converter is not None:
            self._converter.close()
