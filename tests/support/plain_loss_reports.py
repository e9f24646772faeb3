"""Loss reports answered subscriber by subscriber and packet by packet: the scalar twin of what is done in bulk."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from headrace.base.errors import PacketError
from headrace.base.seqno import SEQNO_MASK, seqno_distance
from headrace.fanout.resend_budget import (
    FAIR_RESENDS_PER_PACKET,
    FAIR_ROUND_PACKETS,
    FLOOR_PACKETS_PER_SECOND,
    MAX_ROUND_PACKETS,
    MAX_SHARED_PACKETS,
    PATIENCE_US,
    RESENDS_PER_PACKET,
    ROUND_US,
    SHARED_FLOOR_PACKETS_PER_SECOND,
    SHARED_RESENDS_PER_PACKET,
)
from headrace.fanout.resends import (
    MAX_DROP_REQUESTS_PER_REPORT,
    MAX_REPORT_WORDS_PER_SWEEP,
    MAX_RESENDS_PER_REPORT_PACKETS,
    MIN_RESEND_INTERVAL_US,
    OWN_DELAY_US,
)
from headrace.fanout.ring import Ring
from headrace.fanout.subscriber_table import NEVER_US
from headrace.srt.packet import decode_loss_report
from headrace.srt.rtt import INITIAL_RTT_VARIANCE_US

Ranges = list[tuple[int, int]]


class Asked(NamedTuple):
    """A range of channel packets, and the place of the report that names it."""

    place: int
    first: int
    last: int


@dataclass(slots=True)
class PlainSubscriber:
    """One subscriber: what the table says of it, what it has been sent, and what it gets in answer."""

    ring: Ring
    hopeless_index: int
    seqno_offset: int
    start_index: int
    next_index: int
    rtt_us: int
    rtt_variance_us: int
    own_packets: float
    fair_packets: float
    credited_us: int
    earned_packets: int = 0
    refused_us: int = NEVER_US
    starving_us: int = 0
    naks_packets: int = 0
    words: int = 0
    sent_again_us: dict[int, int] = field(default_factory=dict)
    resent: list[int] = field(default_factory=list)
    gone: Ranges = field(default_factory=list)


class PlainLossReports:
    """What `headrace.endpoints.loss_reports.LossReports` is, in plain words.

    Attributes:
        ignored: What was dropped, by reason.
    """

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self._shared_packets = float(MAX_SHARED_PACKETS)
        self._sent_packets = 0
        self._settled_us = self._round_us = 0
        self._round: Counter[int] = Counter()

    def note_sent(self, packets: int) -> None:
        self._sent_packets += packets

    def handle_batch(self, reports: list[tuple[PlainSubscriber, bytes]], now_us: int) -> None:
        """Take loss reports; all of one subscriber are one."""
        asked: dict[int, tuple[PlainSubscriber, list[Asked]]] = {}
        for place, (subscriber, body) in enumerate(reports):
            ranges = [Asked(place, first, last) for first, last in self._ranges(subscriber, body)]
            asked.setdefault(id(subscriber), (subscriber, []))[1].extend(ranges)
        wanted = [(subscriber, self._wanted(subscriber, ranges, now_us)) for subscriber, ranges in asked.values()]
        wanted = [(subscriber, places) for subscriber, places in wanted if places]
        if wanted:
            self._settle(now_us)
        for subscriber, places in sorted(wanted, key=lambda item: min(item[1].values())):
            indices = list(places)
            granted = indices[: self._spend(subscriber, len(indices), now_us)]
            self.ignored["resends_beyond_budget"] += len(indices) - len(granted)
            subscriber.resent += granted
            subscriber.sent_again_us.update(dict.fromkeys(granted, now_us))

    def _ranges(self, subscriber: PlainSubscriber, body: bytes) -> Ranges:
        subscriber.naks_packets += 1
        subscriber.words += len(body) // 4
        if subscriber.words > MAX_REPORT_WORDS_PER_SWEEP:
            self.ignored["too_many_loss_reports"] += 1
            return []
        try:
            return _channel_ranges(subscriber, body)
        except PacketError as error:
            self.ignored[error.reason] += 1
            return []

    def _wanted(self, subscriber: PlainSubscriber, ranges: list[Asked], now_us: int) -> dict[int, int]:
        """Return what is to be sent again, and which report of the batch was the first to ask for it."""
        ring = subscriber.ring
        here = {index for index in ring.indices.tolist() if index >= ring.next_index - ring.capacity_packets}
        held, gone = _look(subscriber, ranges, here)
        subscriber.gone += gone[:MAX_DROP_REQUESTS_PER_REPORT]
        rtt_us = max(subscriber.rtt_us, MIN_RESEND_INTERVAL_US)
        is_measured = subscriber.rtt_variance_us != INITIAL_RTT_VARIANCE_US
        way_us = subscriber.rtt_us + 4 * is_measured * subscriber.rtt_variance_us + OWN_DELAY_US
        return {
            index: place
            for index, place in held.items()
            if ring.late_us[index & (ring.capacity_packets - 1)] <= now_us - way_us
            and subscriber.sent_again_us.get(index, NEVER_US) <= now_us - rtt_us
        }

    def _settle(self, now_us: int) -> None:
        earned = SHARED_RESENDS_PER_PACKET * self._sent_packets
        earned += SHARED_FLOOR_PACKETS_PER_SECOND * (now_us - self._settled_us) / 1_000_000
        self._shared_packets = min(float(MAX_SHARED_PACKETS), self._shared_packets + earned)
        self._sent_packets, self._settled_us = 0, now_us
        if now_us - self._round_us >= ROUND_US:
            self._round_us = now_us
            self._round.clear()

    def _spend(self, subscriber: PlainSubscriber, packets: int, now_us: int) -> int:
        limit = max(subscriber.ring.capacity_packets, MAX_RESENDS_PER_REPORT_PACKETS)
        floor = FLOOR_PACKETS_PER_SECOND * (now_us - subscriber.credited_us) / 1_000_000
        earned, subscriber.earned_packets, subscriber.credited_us = subscriber.earned_packets, 0, now_us
        own = min(limit, subscriber.own_packets + RESENDS_PER_PACKET * earned + floor)
        fair = min(limit, subscriber.fair_packets + FAIR_RESENDS_PER_PACKET * earned + floor)
        used = self._round.total()
        shared = min(int(self._shared_packets), max(0, MAX_ROUND_PACKETS - FAIR_ROUND_PACKETS - used))
        of_round = min(MAX_ROUND_PACKETS - used, MAX_RESENDS_PER_REPORT_PACKETS - self._round[id(subscriber)])
        granted = min(packets, int(own), int(fair) + shared, of_round)
        if granted < packets and min(own, fair + self._shared_packets) - granted < 2:
            if now_us - subscriber.refused_us > PATIENCE_US:
                subscriber.starving_us = now_us
            subscriber.refused_us = now_us
        subscriber.own_packets, subscriber.fair_packets = own - granted, max(0.0, fair - granted)
        self._shared_packets -= max(0.0, granted - fair)
        self._round[id(subscriber)] += granted
        return granted


def _channel_ranges(subscriber: PlainSubscriber, body: bytes) -> Ranges:
    next_index = subscriber.next_index
    newest_seqno = (next_index + subscriber.seqno_offset) & SEQNO_MASK
    ranges = [
        (
            max(next_index + seqno_distance(newest_seqno, first), subscriber.start_index),
            min(next_index + seqno_distance(newest_seqno, last), next_index - 1),
        )
        for first, last in decode_loss_report(body)
    ]
    return [(first, last) for first, last in ranges if first <= last]


def _look(subscriber: PlainSubscriber, ranges: list[Asked], here: set[int]) -> tuple[dict[int, int], Ranges]:
    """Return the packets of ``ranges`` that are here, with the first place, and ranges of which none will be."""
    reach = subscriber.ring.next_index - subscriber.ring.capacity_packets
    room = MAX_RESENDS_PER_REPORT_PACKETS
    held: dict[int, int] = {}
    gone: Ranges = []
    for place, first, last in ranges:
        looked_at = range(max(first, reach), last + 1)[:room]
        room -= len(looked_at)
        found = [index for index in looked_at if index in here]
        for index in found:
            held.setdefault(index, place)
        end = last if last < reach else max(looked_at, default=-1)
        if not found and first <= end and first < subscriber.hopeless_index:
            gone.append((first, min(end, subscriber.hopeless_index - 1)))
    return held, gone
