"""What every session of the WebRTC endpoint is: a peer's connection, and what is done with what comes.

Source: ``docs/decisions/0023-browsers.md``.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import count
from typing import ClassVar, Final

from headrace.base.errors import PacketError
from headrace.base.token_bucket import TokenBucket
from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.peer import Peer
from headrace.webrtc.rtcp import RtcpPacket, decode_compound

REPORT_BYTES_PER_SECOND: Final = 16_000
MAX_REPORT_BYTES: Final = 32_000
"""Of control packets. A browser that loses a fifth of 20 Mbit/s sends 10 kB a second, and a packet that is full of
what it misses takes two milliseconds."""
PACKET_BYTES: Final = 64
"""What a packet costs besides its bytes, on its way and here."""

_NUMBERS: Final = count(1)


class RtcSession(ABC):
    """One session.

    Args:
        session_id: Its name, which nobody guesses.
        channel_id: Its channel.
        peer: Its connection.
        local: What its peer's checks are made with.

    Attributes:
        session_id, channel_id, peer: As given.
        local_ufrags: By which its peer's checks are known, the newest last.
        number: Its own, for timers and tables.
        addresses: From which a check has come.
        is_connected: Whether its connection has been there.
    """

    kind: ClassVar[str]
    """In words for the log."""

    def __init__(self, session_id: str, channel_id: str, peer: Peer, local: IceCredentials) -> None:
        self.session_id = session_id
        self.channel_id = channel_id
        self.peer = peer
        self.local_ufrags = [local.ufrag]
        self.number = next(_NUMBERS)
        self.addresses: list[bytes] = []
        self.is_connected = False
        self._reports = TokenBucket(REPORT_BYTES_PER_SECOND, MAX_REPORT_BYTES)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.peer.close_reason is None

    @abstractmethod
    def handle_connected(self, now_us: int) -> None:
        """Begin: media can flow."""

    def handle_rtcp(self, packet: bytes, now_us: int) -> None:
        """Take a compound control packet, in clear; a malformed one, or one too many, is dropped and counted."""
        if not self._reports.afford(PACKET_BYTES + len(packet), now_us):
            self.peer.ignored_packets["too_many_reports"] += 1
            return
        try:
            reports = decode_compound(packet)
        except PacketError as error:
            self.peer.ignored_packets[error.reason] += 1
        else:
            self.handle_reports(reports, now_us)

    @abstractmethod
    def handle_reports(self, reports: Sequence[RtcpPacket], now_us: int) -> None:
        """Take the control packets of a compound one."""

    @abstractmethod
    def handle_rtp(self, packet: bytes, now_us: int) -> None:
        """Take a media packet, in clear."""

    @abstractmethod
    def poll_rtcp(self, now_us: int) -> list[bytes]:
        """Return control packets to send, in clear."""

    @abstractmethod
    def close(self) -> None:
        """Note that it has ended."""

    def handle_timer(self, now_us: int) -> None:
        """Do what is due."""
        self.peer.handle_timer(now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self.peer.poll_timer()
