"""The session of a browser that watches: what its reports say, and what it is told of the streams.

Source: RFC 3550, 6.4 (reports); RFC 4585, 6.2.1 and 6.3.1 (lost packets, lost pictures).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar, Final

from headrace.endpoints.rtc_inbound_layers import LayerFacts
from headrace.endpoints.rtc_room import RtcRoom
from headrace.endpoints.rtc_session import RtcSession
from headrace.endpoints.rtc_viewer import Place, RtcViewer
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    encode_compound,
    middle_of,
    ntp_time,
)

REPORT_INTERVAL_US: Final = 1_000_000
FIRST_REPORT_US: Final = 50_000
"""Sound and picture are not together before a browser has a report of each."""


class RtcWatching(RtcSession):
    """One browser that watches.

    Args:
        viewer: Where it is in the streams.
        room: The channel, and who watches it.
        local: What its checks are made with.
        unix_offset_us: What is added to the monotonic time to have the wall clock's.
    """

    kind: ClassVar[str] = "viewer"

    def __init__(
        self, viewer: RtcViewer, room: RtcRoom, local: IceCredentials, unix_offset_us: Callable[[], int]
    ) -> None:
        super().__init__(viewer.session_id, room.channel.channel_id, viewer.peer, local)
        self.viewer = viewer
        self._room = room
        self._unix_offset_us = unix_offset_us
        self._report_us: int | None = None

    def handle_connected(self, now_us: int) -> None:
        """Have it get the channel."""
        self._room.add(self.viewer, now_us)
        self._report_us = now_us + FIRST_REPORT_US

    def handle_rtp(self, packet: bytes, now_us: int) -> None:
        """Pass over what it sends: it only watches."""

    @property
    def layers(self) -> list[LayerFacts]:
        """What it may choose from, the best first; nothing where the channel has but one layer."""
        return self._room.layers.facts()

    @property
    def layer(self) -> str | None:
        """Which layer it gets; None where the channel has but one."""
        video = self.viewer.video
        return None if video is None else self._room.layers.name_of(video.stream)

    def choose_layer(self, rid: str | None) -> bool:
        """Have it get a layer from its next keyframe on, or the one that its link bears.

        Args:
            rid: The layer's name; None lets the broker choose.

        Returns:
            Whether there is such a layer.
        """
        if rid is not None and all(one.rid != rid for one in self.layers):
            return False
        self.viewer.wanted_layer = rid
        return True

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        peer_us = self.peer.poll_timer()
        if peer_us is None or self._report_us is None:
            return peer_us
        return min(peer_us, self._report_us)

    def poll_rtcp(self, now_us: int) -> list[bytes]:
        """Return sender reports, if they are due."""
        if self._report_us is None or now_us < self._report_us:
            return []
        self._report_us = now_us + REPORT_INTERVAL_US
        unix_us = now_us + self._unix_offset_us()
        reports = [self._report(place, now_us, unix_us) for place in self.viewer.places]
        return [report for report in reports if report is not None]

    def close(self) -> None:
        """Let it get no more."""
        self._room.remove(self.viewer)

    def _report(self, place: Place, now_us: int, unix_us: int) -> bytes | None:
        """Return what ties the stream's timestamps to the wall clock."""
        pts_90khz = self._room.channel.line.pts_at(now_us)
        if not place.sent_packets or pts_90khz is None:
            return None
        ssrc = place.stream.ssrc
        report = SenderReport(
            ssrc,
            ntp_time(unix_us),
            place.stream.timestamp_at(pts_90khz),
            place.sent_packets & 0xFFFF_FFFF,
            place.sent_payload_bytes & 0xFFFF_FFFF,
        )
        return encode_compound([report, SourceDescription(((ssrc, self._room.channel.cname),))])

    def handle_reports(self, reports: Sequence[RtcpPacket], now_us: int) -> None:
        """Take reports of losses and of the way."""
        wants_keyframe = False
        # In the order in which they are asked for, and each once however often it is named.
        missing: dict[int, dict[int, None]] = {}
        for one in reports:
            if isinstance(one, Nack):
                missing.setdefault(one.media_ssrc, {}).update(dict.fromkeys(one.seqnos))
            elif isinstance(one, PictureLossIndication | FullIntraRequest):
                wants_keyframe = True
            elif isinstance(one, ReceiverReport | SenderReport):
                self._handle_blocks(one.reports, now_us)
            elif isinstance(one, ReceiverEstimate):
                self.viewer.estimate_bps = one.bitrate_bps
        for ssrc, seqnos in missing.items():
            self._handle_missing(ssrc, seqnos, now_us)
        if wants_keyframe:
            self.viewer.keyframe_requests += 1
            self._room.restart(self.viewer, now_us)

    def _handle_missing(self, ssrc: int, seqnos: Collection[int], now_us: int) -> None:
        for place in self.viewer.places:
            if place.stream.ssrc == ssrc:
                self.viewer.naks_packets += len(seqnos)
                if place is self.viewer.video and (rates_bps := self._rates_bps):
                    self.viewer.steps.handle_naks(len(seqnos), place.sent_packets, rates_bps, now_us)
                self._room.resend(self.viewer, place, seqnos, now_us)

    def _handle_blocks(self, blocks: Iterable[ReportBlock], now_us: int) -> None:
        now_middle = middle_of(ntp_time(now_us + self._unix_offset_us()))
        for block in blocks:
            if any(place.stream.ssrc == block.ssrc for place in self.viewer.places):
                self.viewer.lost_fraction = block.fraction_lost / 256
                if block.last_report:
                    units = (now_middle - block.last_report - block.delay) & 0xFFFF_FFFF
                    # A delay that was rounded up may be longer than the round trip, which is none then.
                    self.viewer.rtt_us = (0 if units >> 31 else units) * 1_000_000 >> 16
                video = self.viewer.video
                if video is not None and block.ssrc == video.stream.ssrc and (rates_bps := self._rates_bps):
                    self.viewer.steps.handle_report(
                        self.viewer.lost_fraction, self.viewer.rtt_us, rates_bps, now_us
                    )

    @property
    def _rates_bps(self) -> list[int]:
        """Of the layers from which the broker may choose for it; nothing while it has chosen itself."""
        return self._room.layers.rates_bps if self.viewer.wanted_layer is None else []
