"""The receiving half of a live connection: finds what is missing, asks for it, and delivers in order, in time.

Source: draft-sharabayko-srt, 4.5 (TSBPD), 4.6 (too-late packet drop), 4.8 (ACK, NAK).
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.srt.acknowledger import Acknowledger
from headrace.srt.loss_list import LossList
from headrace.srt.packet import Acknowledgement, Control, ControlType, encode_ack_body, encode_loss_report
from headrace.srt.receive_buffer import HeldRun, ReceiveBuffer
from headrace.srt.rtt import RoundTrip
from headrace.srt.statistics import ReceiverStatistics
from headrace.srt.tsbpd import DeliveryClock

FLOW_WINDOW_PACKETS: Final = 25_600
"""Packets a receiver holds at most: 3.2 s at 85 Mbit/s (libsrt's default flow window)."""
MIN_ADVERTISED_PACKETS: Final = 2
"""A window of 0 would stall the sender until the next ACK; libsrt never says less than 2."""


class Arrival(Enum):
    """What became of a data packet."""

    NEW = auto()
    DUPLICATE = auto()
    BELATED = auto()
    OVERFLOWED = auto()


class Delivery(NamedTuple):
    """One payload whose time has come.

    Attributes:
        payload: As it came.
        packet_index: Unbounded packet index; a step of more than 1 means that packets were given up.
        origin_us: When the sender stamped it, on our clock.
    """

    payload: bytes
    packet_index: int
    origin_us: int


class Receiver:
    """Orders the data packets of one peer.

    Args:
        initial_seqno: The peer's first sequence number, 31 bits.
        clock: When each packet is due.
        flow_window_packets: Most packets between the oldest not delivered and the newest.

    Attributes:
        clock: As given.
        round_trip: Measured with ACK and ACKACK.
        statistics: Counters.
        losses: What is missing, as unbounded indices.
        highest_index: Newest index that came.
    """

    __slots__ = (
        "_acknowledger",
        "_controls",
        "_held",
        "_is_full",
        "_next_index",
        "_next_nak_us",
        "_window",
        "clock",
        "highest_index",
        "losses",
        "round_trip",
        "statistics",
    )

    def __init__(
        self, initial_seqno: int, clock: DeliveryClock, flow_window_packets: int = FLOW_WINDOW_PACKETS
    ) -> None:
        self.clock = clock
        self.round_trip = RoundTrip()
        self.statistics = ReceiverStatistics()
        self.losses = LossList()
        self.highest_index = initial_seqno - 1
        self._next_index = initial_seqno
        self._window = flow_window_packets
        self._held = ReceiveBuffer()
        self._acknowledger = Acknowledger(initial_seqno)
        self._next_nak_us: int | None = None
        self._is_full = False
        self._controls: list[Control] = []

    @property
    def ack_index(self) -> int:
        """First index not yet received, given up ones not counted."""
        first = self.losses.first
        return self.highest_index + 1 if first is None else first

    @property
    def delivery_index(self) -> int:
        """First index that has neither been delivered nor given up."""
        return self._next_index

    @property
    def buffered_packets(self) -> int:
        """Packets that wait for their delivery time."""
        return len(self._held)

    @property
    def available_packets(self) -> int:
        """Free places, as advertised to the sender."""
        return max(MIN_ADVERTISED_PACKETS, self._free_packets)

    @property
    def _free_packets(self) -> int:
        return self._window - (self.highest_index + 1 - self._next_index)

    def expects(self, seqno: int) -> bool:
        """Return whether a data packet with this sequence number may be neither delivered nor given up yet."""
        return 0 <= unwrap_seqno(seqno, self.highest_index) - self._next_index < self._window

    def handle_data(
        self,
        seqno: int,
        timestamp_us: int,
        payload: bytes,
        now_us: int,
        *,
        retransmitted: bool = False,
        payload_bytes: int | None = None,
    ) -> Arrival:
        """Take one data packet.

        Args:
            seqno: 31 bits.
            timestamp_us: The sender's clock, 32 bits.
            payload: What `poll_deliveries` is to give.
            now_us: The time.
            retransmitted: The packet's R flag.
            payload_bytes: For the statistics, where the payload itself is kept elsewhere.
        """
        self.clock.handle_arrival(now_us)
        stats = self.statistics
        stats.received_packets += 1
        stats.received_payload_bytes += len(payload) if payload_bytes is None else payload_bytes
        index = unwrap_seqno(seqno, self.highest_index)
        if index < self._next_index:
            stats.belated_packets += 1
            return Arrival.BELATED
        if index in self._held:
            stats.duplicate_packets += 1
            return Arrival.DUPLICATE
        ahead = index - self._next_index - self._window
        if 0 <= ahead < MIN_ADVERTISED_PACKETS:
            # The sender may be here although nothing is free, as less than 2 is never advertised: what waits
            # for its delivery goes first, and this one comes again.
            self._is_full = True
            stats.overflowed_packets += 1
            return Arrival.OVERFLOWED
        if ahead >= 0:
            self._slide_window(index)
        self._note_gap(index, now_us, retransmitted=retransmitted)
        self._held.add(index, payload, self.clock.origin_us(timestamp_us))
        stats.unique_packets += 1
        self._acknowledger.handle_progress(self.ack_index, now_us)
        if self._acknowledger.handle_data():
            self._send_ack(Acknowledgement(0, self.ack_index & SEQNO_MASK))
        return Arrival.NEW

    def takes_run(self, seqno: int, packets: int) -> bool:
        """Return whether ``packets`` consecutive ones from ``seqno`` on come right after the newest, and fit."""
        newest_index = self.highest_index + packets
        return seqno == (self.highest_index + 1) & SEQNO_MASK and newest_index - self._next_index < self._window

    def handle_run(self, timestamps_us: list[int], now_us: int, *, payload_bytes: int) -> list[int]:
        """Take data packets that `takes_run`, sent for the first time, as `handle_data` takes each of them.

        Args:
            timestamps_us: The sender's clock, 32 bits.
            now_us: The time.
            payload_bytes: Of all together; the payloads are kept elsewhere.

        Returns:
            When the sender stamped each, on our clock.
        """
        packets = len(timestamps_us)
        first_index = self.highest_index + 1
        self.clock.handle_arrival(now_us)
        origins_us = self.clock.origins_us(timestamps_us)
        self._held.add_run(HeldRun(first_index, [b""] * packets, origins_us))
        self.highest_index += packets
        stats = self.statistics
        stats.received_packets += packets
        stats.received_payload_bytes += payload_bytes
        stats.unique_packets += packets
        self._acknowledger.handle_progress(self.ack_index, now_us)
        for taken in self._acknowledger.handle_run(packets):
            self._send_ack(Acknowledgement(0, min(self.ack_index, first_index + taken) & SEQNO_MASK))
        return origins_us

    def _note_gap(self, index: int, now_us: int, *, retransmitted: bool) -> None:
        if index > self.highest_index + 1:
            first, last = self.highest_index + 1, index - 1
            self.losses.add(first, last)
            self.statistics.lost_packets += last - first + 1
            self._send_nak([(first, last)])
            if self._next_nak_us is None:
                self._next_nak_us = now_us + self.round_trip.nak_interval_us
        elif self.losses.remove(index):
            self.statistics.recovered_packets += retransmitted
        self.highest_index = max(self.highest_index, index)

    def _slide_window(self, index: int) -> None:
        # A legitimate sender is this far ahead only when it has given up all in between and its drop request
        # was lost: going on with the new data beats waiting for what never comes.
        self._give_up_below(index - self._window + 1)
        self.highest_index = max(self.highest_index, self._next_index - 1)

    def _give_up_below(self, index: int) -> None:
        self._held.pop_below(index)
        self.statistics.dropped_packets += index - self._next_index
        self.statistics.lost_packets += max(0, index - 1 - self.highest_index)
        self.losses.remove_below(index)
        self._next_index = index

    def handle_drop_request(self, first: int, last: int, now_us: int) -> None:
        """Take the sender's word that the sequence numbers ``first`` to ``last`` will not come (any more)."""
        first_index = unwrap_seqno(first, self.highest_index)
        last_index = unwrap_seqno(last, self.highest_index)
        if last_index >= self._next_index + self._window:
            return
        self.losses.remove_range(first_index, last_index)
        if first_index <= self.highest_index + 1:
            self.highest_index = max(self.highest_index, last_index)
        self._acknowledger.handle_progress(self.ack_index, now_us)

    def handle_ackack(self, number: int, timestamp_us: int, now_us: int) -> None:
        """Take the sender's answer to the full ACK ``number``."""
        self.statistics.ackacks_received_packets += 1
        sample_us = self._acknowledger.handle_ackack(number, now_us)
        if sample_us is None:
            return
        self._acknowledger.rest(self.ack_index)
        self.round_trip.add_sample(sample_us)
        self.clock.handle_ackack(timestamp_us, self.round_trip.rtt_us, now_us)

    def handle_timer(self, now_us: int) -> None:
        """Send the acknowledgements and loss reports that are due."""
        number = self._acknowledger.poll_full(self.ack_index, self.round_trip, now_us)
        if number is not None:
            self._send_ack(self._full_acknowledgement(number))
        if self._next_nak_us is not None and now_us >= self._next_nak_us:
            self._next_nak_us = None
            if self.losses:
                self._send_nak(self.losses.ranges())
                self._next_nak_us = now_us + self.round_trip.nak_interval_us

    def acknowledge_batch(self, now_us: int) -> None:
        """Acknowledge what a batch has brought at once, unless that was done less than 10 ms ago."""
        number = self._acknowledger.poll_batch(self.ack_index, self.round_trip, now_us)
        if number == 0:
            self._send_ack(Acknowledgement(0, self.ack_index & SEQNO_MASK))
        elif number is not None:
            self._send_ack(self._full_acknowledgement(number))

    def probe(self, now_us: int) -> None:
        """Send a full ACK whether or not one is due: a sender that lives answers it at once."""
        self._send_ack(self._full_acknowledgement(self._acknowledger.open_ack(self.ack_index, now_us)))

    def _full_acknowledgement(self, number: int) -> Acknowledgement:
        self._is_full = self._free_packets <= MIN_ADVERTISED_PACKETS
        return Acknowledgement(
            number,
            self.ack_index & SEQNO_MASK,
            self.round_trip.rtt_us,
            self.round_trip.variance_us,
            self.available_packets,
        )

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        ack_us, nak_us = self._acknowledger.poll_timer(), self._next_nak_us
        if ack_us is None or nak_us is None:
            return nak_us if ack_us is None else ack_us
        return min(ack_us, nak_us)

    def poll_delivery_timer(self) -> int | None:
        """Return when `poll_deliveries` has something to give, or None."""
        origin_us = self._held.first_origin_us
        return None if origin_us is None else origin_us + self.clock.latency_us

    def poll_deliveries(self, now_us: int) -> list[Delivery]:
        """Return the payloads whose time has come, in order; what is missing before them is given up."""
        return [
            Delivery(payload, index, origin_us)
            for run in self.release_due(now_us)
            for index, (payload, origin_us) in enumerate(
                zip(run.payloads, run.origins_us, strict=True), run.first_index
            )
        ]

    def release_due(self, now_us: int) -> list[HeldRun]:
        """Do what `poll_deliveries` does, and return it as it was held."""
        first_us = self._held.first_origin_us
        if first_us is None or first_us + self.clock.latency_us > now_us:
            return []
        runs = self._held.pop_due(now_us - self.clock.latency_us)
        for run in runs:
            if run.first_index > self._next_index:
                self.statistics.dropped_packets += run.first_index - self._next_index
                self.losses.remove_below(run.first_index)
                self._acknowledger.handle_progress(self.ack_index, now_us)
            self._next_index = run.end_index
            self.statistics.delivered_packets += len(run.origins_us)
        if self._is_full:
            self._is_full = False
            self._acknowledger.say_again(now_us)
        return runs

    def poll_controls(self) -> list[Control]:
        """Return the control packets to send, once."""
        if not self._controls:
            return []
        controls, self._controls = self._controls, []
        return controls

    def _send_ack(self, ack: Acknowledgement) -> None:
        self.statistics.acks_sent_packets += 1
        self._controls.append(Control(ControlType.ACK, ack.ack_number, encode_ack_body(ack)))

    def _send_nak(self, ranges: list[tuple[int, int]]) -> None:
        self.statistics.naks_sent_packets += 1
        wire = [(first & SEQNO_MASK, last & SEQNO_MASK) for first, last in ranges]
        self._controls.append(Control(ControlType.NAK, 0, encode_loss_report(wire)))
