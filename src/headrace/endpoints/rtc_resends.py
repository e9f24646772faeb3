"""How much browsers may be sent again: each for what it was sent, and all together for part of the thread's time.

The reckoning of what a lossy link needs is SRT's. Half of that is a stream's own whatever others ask for; who asks
for more shares with all others who do.

Source: `headrace.fanout.resend_budget`; libwebrtc's ``RtpPacketHistory``, which answers no packet twice in a round
trip either.
"""

from collections.abc import Iterable
from typing import Final

from headrace.fanout.resend_budget import (
    FAIR_RESENDS_PER_PACKET,
    FLOOR_PACKETS_PER_SECOND,
    RESENDS_PER_PACKET,
    ResendPool,
)

MIN_AGAIN_US: Final = 10_000
"""Whatever round trip a browser claims: it looks each 20 ms at what to ask for."""
MAX_AGAIN_US: Final = 500_000
"""Half of what is kept: a packet could not be had a second time with more."""
MAX_SAVED_PACKETS: Final = 1_024
"""A browser keeps a list of 1,000 missing packets."""
MAX_ROUND_PACKETS: Final = 512
"""They take half of a round's 5 ms, and leave the thread's other half to live packets and those who produce."""
FAIR_ROUND_PACKETS: Final = 256
"""This half of a round is for those who ask for no more than is their own."""
MAX_STREAM_PACKETS: Final = 256
"""Of one stream in a round: 300 kB, or a second of 2.5 Mbit/s. Who gets none asks again within a round trip."""

_NEVER_US: Final = -(1 << 62)


class ResendCredit:
    """What one viewer may still be sent again of one stream, and when it was sent what."""

    __slots__ = ("counted_packets", "fair_packets", "own_packets", "resent_us", "round_packets", "settled_us")

    def __init__(self) -> None:
        self.own_packets = self.fair_packets = 0.0
        self.counted_packets = 0
        self.settled_us: int | None = None
        self.round_packets = 0, 0
        self.resent_us: dict[int, int] = {}

    def forget(self) -> None:
        """Forget what was sent again: packets are sent under other numbers from now on."""
        self.resent_us.clear()

    def settle(self, sent_packets: int, now_us: int) -> None:
        """Earn what ``sent_packets``, all that were sent so far, and the time are worth."""
        sent, self.counted_packets = sent_packets - self.counted_packets, sent_packets
        earned_us = 0 if self.settled_us is None else now_us - self.settled_us
        self.settled_us = now_us
        floor = FLOOR_PACKETS_PER_SECOND * earned_us / 1_000_000
        self.own_packets = min(MAX_SAVED_PACKETS, self.own_packets + RESENDS_PER_PACKET * sent + floor)
        self.fair_packets = min(MAX_SAVED_PACKETS, self.fair_packets + FAIR_RESENDS_PER_PACKET * sent + floor)

    def remember(self, indices: Iterable[int], limit_us: int, now_us: int) -> None:
        """Note that packets are sent again now, and forget what was before ``limit_us``."""
        resent_us = self.resent_us
        for index in indices:
            resent_us.pop(index, None)  # so that the oldest stays first
            resent_us[index] = now_us
        while resent_us[oldest := next(iter(resent_us))] <= limit_us or len(resent_us) > MAX_SAVED_PACKETS:
            del resent_us[oldest]


class RtcResends:
    """Decides for all browsers which packets are sent again."""

    __slots__ = ("_pool", "_round")

    def __init__(self) -> None:
        self._pool = ResendPool(MAX_ROUND_PACKETS, FAIR_ROUND_PACKETS)
        self._round = 0

    def note_sent(self, packets: int) -> None:
        """Count packets that were sent for the first time, to whomever."""
        self._pool.note_sent(packets)

    def admit(
        self, credit: ResendCredit, sent_packets: int, wanted: Iterable[int], rtt_us: int | None, now_us: int
    ) -> tuple[list[int], int]:
        """Return which packets are sent again now, each counted as sent, and how many are refused.

        Args:
            credit: Of who asks, in the stream.
            sent_packets: So many it was sent for the first time so far.
            wanted: Indices of packets that are here; one may stand there a hundred times.
            rtt_us: Its round trip, if that is known: what was sent again within it can not have been missed yet.
            now_us: The time.
        """
        limit_us = now_us - min(max(rtt_us or 0, MIN_AGAIN_US), MAX_AGAIN_US)
        resent_us = credit.resent_us
        fresh = [index for index in dict.fromkeys(wanted) if resent_us.get(index, _NEVER_US) <= limit_us]
        if not fresh:
            return [], 0
        granted = fresh[: self._grant(credit, sent_packets, len(fresh), now_us)]
        if granted:
            credit.remember(granted, limit_us, now_us)
        return granted, len(fresh) - len(granted)

    def _grant(self, credit: ResendCredit, sent_packets: int, wanted: int, now_us: int) -> int:
        """Return how many of ``wanted`` packets are sent again."""
        self._round += self._pool.settle(now_us)
        credit.settle(sent_packets, now_us)
        number, of_stream = credit.round_packets
        of_stream = of_stream if number == self._round else 0
        most = MAX_STREAM_PACKETS - of_stream
        granted = self._pool.take(wanted, credit.own_packets, credit.fair_packets, most)
        credit.own_packets -= granted
        credit.fair_packets = max(0.0, credit.fair_packets - granted)
        credit.round_packets = self._round, of_stream + granted
        return granted
