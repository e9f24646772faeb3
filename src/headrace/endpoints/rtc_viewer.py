"""One browser that watches a channel: where it is in each stream, and under which numbers it gets that.

It has no packets of its own, and no queue: those of its channel are kept once.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections import deque
from typing import Final, NamedTuple

from headrace.endpoints.rtc_channel import RtcStream
from headrace.endpoints.rtc_layer_steps import LayerSteps
from headrace.endpoints.rtc_resends import ResendCredit
from headrace.remux.access_unit import Codec
from headrace.webrtc.peer import Peer
from headrace.webrtc.rtp import timestamp_distance

PRELUDE_TICKS: Final = 9_000
"""The pictures since the newest keyframe are stamped as if they had been taken within this time, 100 ms at 90 kHz.
A browser that was told their true times would show them at the true pace, and be seconds behind for good."""
RESTART_TICKS: Final = 1_500
"""After a restart they have to fit between the last picture that was sent and the next: half of 1/30 s."""

SAFE_FIRST_SEQNO: Final = 0x8000
"""First packets have a number below this. Were the first ones lost just before the numbers begin again at 0, the
peer would not know of that, and could open nothing."""

_TIMESTAMP_MODULUS: Final = 1 << 32


class Numbers(NamedTuple):
    """Under which numbers a viewer gets a stream, from its offer.

    Attributes:
        payload_type: Of the packets.
        rtx_payload_type: Of those that are sent again; None sends them again as they were.
        codec: What was agreed on.
    """

    payload_type: int
    rtx_payload_type: int | None = None
    codec: Codec = Codec.H264


class Prelude(NamedTuple):
    """Packets whose timestamps are closer together than they were made.

    Attributes:
        end_index: One past the last of them, in the channel.
        from_timestamp: Of the first, as it was made.
        to_timestamp: As it is sent.
        divisor: By which distances are shorter.
    """

    end_index: int
    from_timestamp: int
    to_timestamp: int
    divisor: int

    def restamp(self, timestamp: int) -> int:
        """Return with which timestamp a packet is sent."""
        ticks = (timestamp - self.from_timestamp) % _TIMESTAMP_MODULUS
        return (self.to_timestamp + ticks // self.divisor) % _TIMESTAMP_MODULUS


class Place:
    """Where a viewer is in one stream.

    Args:
        stream: The stream.
        numbers: Its numbers.

    Attributes:
        stream: As given.
        numbers: As given.
        next_index: The channel's packet that it gets next; None until it starts.
        shift: What is added to a channel's index to have the viewer's, which has no holes.
        sent_packets: So many, without those sent again.
        sent_payload_bytes: Of these, without headers.
        resent_packets: Sent again.
        credit: How much may be.
        rtx_index: Of the next packet that is sent again, in a stream of its own.
        prelude: What it got or gets when it started; None where it has no earlier pictures.
    """

    __slots__ = (
        "_first_index",
        "credit",
        "next_index",
        "numbers",
        "prelude",
        "resent_packets",
        "rtx_index",
        "sent_packets",
        "sent_payload_bytes",
        "shift",
        "stream",
    )

    def __init__(self, stream: RtcStream, numbers: Numbers) -> None:
        self.stream = stream
        self.numbers = numbers
        self.next_index: int | None = None
        self._first_index = 0
        self.shift = 0
        self.sent_packets = self.sent_payload_bytes = self.resent_packets = 0
        self.rtx_index = 0
        self.credit = ResendCredit()
        self.prelude: Prelude | None = None

    def start_at(self, index: int) -> None:
        """Begin with one of the channel's packets, as it is."""
        self._start(index)

    def skip_to(self, index: int) -> None:
        """Go on with a later packet: those between are not here any more."""
        self.next_index = index

    def move_to(self, stream: RtcStream, now_us: int) -> bool:
        """Go on in another stream of the same clock, with its newest keyframe; return False if there is none."""
        before, prelude = self.stream, self.prelude
        self.stream, self.prelude = stream, None
        if self.start_with_keyframe(now_us, after=before.newest_timestamp):
            return True
        self.stream, self.prelude = before, prelude
        return False

    def start_with_keyframe(self, now_us: int, *, after: int | None = None) -> bool:
        """Begin, or begin again, with the newest keyframe; return False if there is none but the last one's.

        Args:
            now_us: The time.
            after: RTP timestamp of what it may have got of another stream before.
        """
        ring = self.stream.ring
        is_again = self.next_index is not None
        has_begun_here = self.prelude is not None and self.prelude.end_index == ring.next_index
        start_index = ring.start_index(now_us)
        if start_index is None or has_begun_here:
            return False
        first = int.from_bytes(ring.between(start_index, start_index + 1)[0][4:8], "big")
        newest = self.stream.newest_timestamp
        ticks = (newest - first) % _TIMESTAMP_MODULUS
        room = RESTART_TICKS if is_again else PRELUDE_TICKS
        divisor = max(1, -(-ticks // room))
        if is_again:
            is_ahead = after is not None and timestamp_distance(newest, after) > 0
            to_timestamp = (after if is_ahead and after is not None else newest) + 1
        else:
            to_timestamp = newest - ticks // divisor
        self._start(start_index)
        self.prelude = Prelude(ring.next_index, first, to_timestamp, divisor)
        return True

    def _start(self, index: int) -> None:
        if self.next_index is None:
            # The peer counts rollovers from the first packet that it gets.
            self.shift = index % SAFE_FIRST_SEQNO - index
        else:
            self.shift += self.next_index - index
        self.next_index = index
        self._first_index = self.index_of(index)
        self.credit.forget()

    def index_of(self, channel_index: int) -> int:
        """Return the viewer's index of one of the channel's packets."""
        return channel_index + self.shift

    def channel_index_of(self, seqno: int) -> int | None:
        """Return the channel's index of a packet that the viewer got under a 16-bit number, None for none such.

        What it got before it began again is not told: the same number must not be sealed with other content.
        """
        if self.next_index is None:
            return None
        newest = self.index_of(self.next_index) - 1
        index = newest - ((newest - seqno) & 0xFFFF)
        return index - self.shift if index >= self._first_index else None

    def dress(self, packet: bytes, channel_index: int) -> bytes:
        """Return a packet with the viewer's numbers in its header."""
        second = packet[1] & 0x80 | self.numbers.payload_type
        seqno = self.index_of(channel_index) & 0xFFFF
        timestamp = packet[4:8]
        if self.prelude is not None and channel_index < self.prelude.end_index:
            timestamp = self.prelude.restamp(int.from_bytes(timestamp, "big")).to_bytes(4, "big")
        return packet[:1] + bytes((second,)) + seqno.to_bytes(2, "big") + timestamp + packet[8:]

    @property
    def outfit(self) -> tuple[int, int]:
        """What a packet's header has of this viewer: those who have the same get the same packets in clear."""
        return self.numbers.payload_type, self.shift & 0xFFFF


class RtcViewer:
    """One browser that watches.

    Args:
        session_id: Its name.
        peer: Its connection.
        video: Where it is in the pictures, None if it wants none.
        audio: Where it is in the sound, None if it wants none.
        opened_us: The time.
        awaits_pictures: Whether it would take pictures if the channel had any.

    Attributes:
        session_id, peer, video, audio, opened_us, awaits_pictures: As given.
        connected_us: When media began to flow, None before that.
        restarted_us: When it last began again with a keyframe.
        restarts_us: When it was let begin again because it asked, the newest last.
        naks_packets: How many packets it has asked for again.
        keyframe_requests: How often it has asked for a keyframe.
        rtt_us: Round trip, as its reports tell; None before that.
        lost_fraction: Of the last report, 0 to 1.
        estimate_bps: What its link bears, as it thinks; None before it has said.
        wanted_layer: Which of the channel's layers it wants; None lets the broker choose.
        steps: By how many layers its link bears less than the best.
    """

    __slots__ = (
        "audio",
        "awaits_pictures",
        "connected_us",
        "estimate_bps",
        "keyframe_requests",
        "lost_fraction",
        "naks_packets",
        "opened_us",
        "peer",
        "restarted_us",
        "restarts_us",
        "rtt_us",
        "session_id",
        "steps",
        "video",
        "wanted_layer",
    )

    def __init__(
        self,
        session_id: str,
        peer: Peer,
        video: Place | None,
        audio: Place | None,
        opened_us: int,
        *,
        awaits_pictures: bool = False,
    ) -> None:
        self.session_id = session_id
        self.peer = peer
        self.video = video
        self.audio = audio
        self.opened_us = opened_us
        self.awaits_pictures = awaits_pictures
        self.connected_us: int | None = None
        self.restarted_us = opened_us
        self.restarts_us: deque[int] = deque()
        self.naks_packets = 0
        self.keyframe_requests = 0
        self.rtt_us: int | None = None
        self.lost_fraction = 0.0
        self.estimate_bps: int | None = None
        self.wanted_layer: str | None = None
        self.steps = LayerSteps()

    @property
    def places(self) -> list[Place]:
        """Where it is in each stream that it wants."""
        return [place for place in (self.video, self.audio) if place is not None]
