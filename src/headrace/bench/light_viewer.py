"""One viewer by WHEP until its media flows, and what it owes from then on: ICE, DTLS and SRTCP for real.

It is a machine without a socket: datagrams go in and out, and time is told. What a browser does besides is left
out: more than one candidate, sound, requests for lost packets, decoding.

Source: RFC 8445, 7.2 (checks), 8.1 (nomination); RFC 5763 (DTLS-SRTP); RFC 7675, 5.1 (consent); RFC 3550, 6.4;
Chromium for when what is sent again.
"""

from collections.abc import Callable
from typing import Final

from headrace.base.errors import PacketError
from headrace.bench.loopback_port import LoadError
from headrace.webrtc.dtls import Dtls
from headrace.webrtc.ice import IceCredentials, make_credentials
from headrace.webrtc.identity import Identity, decode_fingerprint
from headrace.webrtc.rtcp import (
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    decode_compound,
    encode_compound,
    middle_of,
)
from headrace.webrtc.sdp.offer import Offer, decode_offer
from headrace.webrtc.srtp import Opener, Sealer, make_sealer
from headrace.webrtc.stun import (
    TRANSACTION_BYTES,
    AttributeType,
    MessageType,
    decode_message,
    decode_xor_address,
    encode_message,
    is_stun,
)

CHECK_AGAIN_US: Final = 50_000
"""RFC 8445, 14.2: between two checks, until one has been answered."""
CONSENT_US: Final = 2_500_000
"""Between two checks of the path in use, as Chromium does it."""
REPORT_US: Final = 1_000_000
PRIORITY: Final = 126 << 24 | 65_535 << 8 | 255
ESTIMATE_BPS: Final = 20_000_000

_H264: Final = 102
_RTX: Final = 103
_FRACTION: Final = 65_536


class LightViewer:
    """One viewer.

    Args:
        address: Its own, 28 bytes: what the other side is to say that it came from.
        identity: Its certificate; many may share one.
        random_bytes: Unpredictable.

    Attributes:
        ssrc: Of the stream that it gets; -1 before the answer.
        opener: Opens what comes; None before there are keys.
        is_checked: Whether a check has been answered.
        answered_checks: How many have been.
        close_reason: Why it is over; None while it is not.
    """

    def __init__(self, address: bytes, identity: Identity, random_bytes: Callable[[int], bytes]) -> None:
        self._address = address
        self._identity = identity
        self._random_bytes = random_bytes
        self._ours = make_credentials(random_bytes)
        self._own_ssrc = int.from_bytes(random_bytes(4), "big")
        self._theirs: IceCredentials | None = None
        self._dtls: Dtls | None = None
        self._check_us = 0
        self._checks: list[bytes] = []
        self._sealer: Sealer | None = None
        self._outgoing: list[bytes] = []
        self._report_us = 0
        self._sender_report: tuple[int, int] | None = None
        self.ssrc = -1
        self.opener: Opener | None = None
        self.is_checked = False
        self.answered_checks = 0
        self.close_reason: str | None = None

    @property
    def is_connected(self) -> bool:
        """Whether media can flow."""
        return self.opener is not None

    @property
    def offer(self) -> str:
        """What it asks for: to receive H.264, as Chromium says it."""
        lines = [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            f"m=video 9 UDP/TLS/RTP/SAVPF {_H264} {_RTX}",
            "c=IN IP4 0.0.0.0",
            "a=mid:0",
            "a=recvonly",
            f"a=ice-ufrag:{self._ours.ufrag}",
            f"a=ice-pwd:{self._ours.pwd}",
            f"a=fingerprint:{self._identity.fingerprint}",
            "a=setup:actpass",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            f"a=rtpmap:{_H264} H264/90000",
            f"a=fmtp:{_H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
            *(f"a=rtcp-fb:{_H264} {wish}" for wish in ("nack", "nack pli", "ccm fir", "goog-remb")),
            f"a=rtpmap:{_RTX} rtx/90000",
            f"a=fmtp:{_RTX} apt={_H264}",
        ]
        return "\r\n".join(lines) + "\r\n"

    def take_answer(self, sdp: str, now_us: int) -> None:
        """Take what it was answered: from now on it makes checks.

        Raises:
            SdpError: It is no answer.
            LoadError: Nothing is sent by it, or the other side wants to begin DTLS.
        """
        answer: Offer = decode_offer(sdp)
        ssrcs = answer.media[0].ssrcs
        if not ssrcs or answer.setup != "passive":
            raise LoadError(f"the answer sends {len(ssrcs)} streams and has setup:{answer.setup}")
        self.ssrc = ssrcs[0]
        self._theirs = answer.ice
        self._dtls = Dtls(self._identity, decode_fingerprint(answer.fingerprint), is_client=True)
        self._check_us = now_us

    def handle_datagram(self, datagram: bytes, now_us: int) -> None:
        """Take what is no media: an answer to a check, or DTLS.

        Raises:
            LoadError: It is not what is to come.
        """
        if self._dtls is None:
            raise LoadError("a viewer was sent something before it had an answer")
        if is_stun(datagram):
            self._take_check(datagram, now_us)
        else:
            self._dtls.handle_datagram(datagram, now_us)
        self._settle(now_us)

    def _take_check(self, datagram: bytes, now_us: int) -> None:
        assert self._theirs is not None
        message = decode_message(datagram)
        if message.message_type != MessageType.SUCCESS or message.transaction_id not in self._checks:
            return
        mapped = message.attributes.get(AttributeType.XOR_MAPPED_ADDRESS, b"")
        if not message.has_integrity(self._theirs.pwd.encode()):
            raise LoadError("a check was answered by somebody who does not know the password")
        if decode_xor_address(mapped, message.transaction_id) != self._address:
            raise LoadError("a check was answered with an address that it did not come from")
        self._checks.clear()
        self.answered_checks += 1
        self.is_checked = True
        self._check_us = now_us + CONSENT_US
        assert self._dtls is not None
        self._dtls.start(now_us)

    def _settle(self, now_us: int) -> None:
        dtls = self._dtls
        assert dtls is not None
        self._outgoing += dtls.poll_datagrams()
        self.close_reason = dtls.close_reason
        if self.opener is None and dtls.keys is not None:
            ours, theirs = dtls.keys
            self._sealer, self.opener = make_sealer(ours), Opener(theirs)
            self._report_us = now_us + REPORT_US

    def handle_timer(self, now_us: int) -> None:
        """Do what is due: checks, and DTLS again."""
        if self._dtls is None or self._theirs is None or self.close_reason is not None:
            return
        if now_us >= self._check_us:
            self._outgoing.append(self._check(self._theirs))
            self._check_us = now_us + (CONSENT_US if self.is_checked else CHECK_AGAIN_US)
        due_us = self._dtls.poll_timer()
        if due_us is not None and now_us >= due_us:
            self._dtls.handle_timer(now_us)
            self._settle(now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` or `poll_report` is due, or None."""
        if self._dtls is None or self.close_reason is not None:
            return None
        times_us = [self._check_us, self._dtls.poll_timer(), self._report_us if self.is_connected else None]
        return min(due_us for due_us in times_us if due_us is not None)

    def _check(self, theirs: IceCredentials) -> bytes:
        self._checks.append(self._random_bytes(TRANSACTION_BYTES))
        attributes = [
            (int(AttributeType.USERNAME), f"{theirs.ufrag}:{self._ours.ufrag}".encode()),
            (AttributeType.PRIORITY, PRIORITY.to_bytes(4, "big")),
            (AttributeType.ICE_CONTROLLING, self._own_ssrc.to_bytes(8, "big")),
            (AttributeType.USE_CANDIDATE, b""),
        ]
        return encode_message(MessageType.REQUEST, self._checks[-1], attributes, theirs.pwd.encode())

    def poll_datagrams(self) -> list[bytes]:
        """Return what is to be sent, once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def handle_rtcp(self, datagram: bytes, now_us: int) -> None:
        """Take a sealed control packet.

        Raises:
            PacketError: It cannot be opened or decoded.
        """
        if self.opener is None:
            raise PacketError("rtcp_before_keys")
        for report in decode_compound(self.opener.open_rtcp(datagram)):
            if isinstance(report, SenderReport) and report.ssrc == self.ssrc:
                self._sender_report = middle_of(report.ntp_time), now_us

    def poll_report(self, highest_seqno: int, lost_packets: int, now_us: int) -> bytes | None:
        """Return its report, sealed, if that is due.

        Args:
            highest_seqno: That has come, extended.
            lost_packets: Of all so far.
            now_us: The time.
        """
        if self._sealer is None or now_us < self._report_us or self.close_reason is not None:
            return None
        self._report_us = now_us + REPORT_US
        last_report, came_us = self._sender_report or (0, now_us)
        block = ReportBlock(
            self.ssrc,
            lost_packets=lost_packets,
            highest_seqno=highest_seqno,
            last_report=last_report,
            delay=(now_us - came_us) * _FRACTION // 1_000_000,
        )
        report = ReceiverReport(self._own_ssrc, (block,))
        estimate = ReceiverEstimate(self._own_ssrc, ESTIMATE_BPS, (self.ssrc,))
        return self._sealer.seal_rtcp(encode_compound([report, estimate]))

    def close(self, now_us: int) -> None:
        """Say goodbye."""
        if self._dtls is not None and self.close_reason is None:
            self._dtls.close(now_us)
            self._settle(now_us)
