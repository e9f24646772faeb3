"""The sending half of a live connection: keeps what may be asked for again, and resends it.

Source: draft-sharabayko-srt, 4.6 (too-late packet drop), 4.8 (ACK, NAK), 3.2.9 (drop request).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from headrace.base.seqno import SEQNO_MASK, unwrap_seqno
from headrace.srt.loss_list import LossList
from headrace.srt.packet import (
    MESSAGE_NUMBER_MASK,
    Acknowledgement,
    Control,
    ControlType,
    encode_drop_request_body,
)
from headrace.srt.rtt import RoundTrip
from headrace.srt.statistics import SenderStatistics

MIN_DROP_US: Final = 1_000_000
"""A sender keeps a packet at least this long, whatever the latency (libsrt: SRT_TLPKTDROP_MINTHRESHOLD_MS)."""
DROP_MARGIN_US: Final = 20_000
"""Beyond the peer's latency: two of its ACK intervals."""
MIN_TAIL_PROBE_US: Final = 30_000
"""Three ACK intervals: an ACK that is only slow is not taken for a lost tail."""
MAX_DROP_REQUESTS_PER_REPORT: Final = 16
"""One report can name 364 packets; an answer is not to be many times as large as what asked for it."""


def message_number(index: int) -> int:
    """Return the message number of packet ``index``, 1 to 2**26 - 1: a function, so that none is kept."""
    return index % MESSAGE_NUMBER_MASK + 1


@dataclass(slots=True)
class _Packet:
    payload: bytes
    origin_us: int
    sent_us: int = 0
    transmissions: int = 0


class Transmission(NamedTuple):
    """One data packet to be sent now.

    Attributes:
        packet_index: Unbounded packet index; the wire carries it modulo 2**31.
        payload: What the application gave.
        origin_us: When it gave it, on our clock.
        retransmitted: Whether it has been sent before.
    """

    packet_index: int
    payload: bytes
    origin_us: int
    retransmitted: bool


class Sender:
    """Sends one peer's data packets, and again those that it reports lost.

    Args:
        initial_seqno: Our first sequence number, 31 bits.
        peer_window_packets: The peer's flow window from its handshake.
        peer_latency_us: The peer's delivery delay: a packet older than that is of no use to it.

    Attributes:
        round_trip: As the peer reports it.
        statistics: Counters.
        last_sent_us: When a packet was last sent; 0 before the first.
    """

    __slots__ = (
        "_ack_index",
        "_controls",
        "_drop_us",
        "_losses",
        "_next_index",
        "_packets",
        "_probes",
        "_unsent_index",
        "_window",
        "last_sent_us",
        "round_trip",
        "statistics",
    )

    def __init__(self, initial_seqno: int, peer_window_packets: int, peer_latency_us: int) -> None:
        self.round_trip = RoundTrip()
        self.statistics = SenderStatistics()
        self._packets: dict[int, _Packet] = {}
        self._losses = LossList()
        self._ack_index = self._unsent_index = self._next_index = initial_seqno
        self._window = peer_window_packets
        self._drop_us = max(peer_latency_us + DROP_MARGIN_US, MIN_DROP_US)
        self.last_sent_us = 0
        self._probes = 0
        self._controls: list[Control] = []

    @property
    def buffered_packets(self) -> int:
        """Packets that the peer has not acknowledged, sent or not."""
        return len(self._packets)

    def send(self, payload: bytes, origin_us: int) -> None:
        """Queue one payload that was made at ``origin_us``."""
        self._packets[self._next_index] = _Packet(payload, origin_us)
        self._next_index += 1

    @property
    def has_transmissions(self) -> bool:
        """Whether `poll_transmissions` may have something to give."""
        return self._unsent_index < self._next_index or bool(self._losses)

    def poll_transmissions(self, now_us: int) -> list[Transmission]:
        """Return the packets to send now: first what was reported lost, then what is new and fits the window."""
        transmissions: list[Transmission] = []
        while (index := self._losses.pop_first()) is not None:
            packet = self._packets.get(index)
            if packet is not None and not self._is_resent_already(packet, now_us):
                transmissions.append(self._transmit(index, packet, now_us))
        end = min(self._next_index, self._ack_index + self._window)
        while self._unsent_index < end:
            index = self._unsent_index
            transmissions.append(self._transmit(index, self._packets[index], now_us))
            self._unsent_index += 1
        return transmissions

    def _is_resent_already(self, packet: _Packet, now_us: int) -> bool:
        # A receiver repeats its report about every half round trip, so within a round trip of a resend
        # the report was written before the resend could arrive.
        return packet.transmissions > 1 and now_us - packet.sent_us < self.round_trip.rtt_us

    def _transmit(self, index: int, packet: _Packet, now_us: int) -> Transmission:
        retransmitted = packet.transmissions > 0
        packet.transmissions += 1
        packet.sent_us = self.last_sent_us = now_us
        self.statistics.sent_packets += 1
        self.statistics.sent_payload_bytes += len(packet.payload)
        self.statistics.resent_packets += retransmitted
        return Transmission(index, packet.payload, packet.origin_us, retransmitted)

    def handle_ack(self, ack: Acknowledgement) -> None:
        """Take an acknowledgement of any form; one beyond what was sent is ignored."""
        self.statistics.acks_received_packets += 1
        index = unwrap_seqno(ack.next_seqno, self._unsent_index)
        if index > self._unsent_index:
            return
        if ack.rtt_us is not None:
            self.round_trip.adopt(ack.rtt_us, ack.rtt_variance_us or 0)
        if index < self._ack_index:
            return  # overtaken by a newer one, which knows better how much room there is
        acknowledged_packets = index - self._ack_index
        if acknowledged_packets:
            self._forget_below(index)
            self._probes = 0
        if ack.available_buffer_packets is None:
            # A light ACK does not say that room has become free: the end of the window stays where it was.
            self._window = max(self._window - acknowledged_packets, 0)
        else:
            self._window = ack.available_buffer_packets

    def _forget_below(self, index: int) -> None:
        for acknowledged in range(self._ack_index, index):
            self._packets.pop(acknowledged, None)
        self._ack_index = index
        self._unsent_index = max(self._unsent_index, index)
        self._losses.remove_below(index)

    def handle_loss_report(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take a NAK: what is still kept is sent again, for what is not a drop request goes out, up to a limit."""
        self.statistics.naks_received_packets += 1
        requests = 0
        for first, last in ranges:
            first_index = unwrap_seqno(first, self._unsent_index)
            last_index = min(unwrap_seqno(last, self._unsent_index), self._unsent_index - 1)
            if first_index > last_index:
                continue
            self.statistics.reported_lost_packets += last_index - first_index + 1
            if first_index < self._ack_index and requests < MAX_DROP_REQUESTS_PER_REPORT:
                requests += 1
                self._send_drop_request(first_index, min(last_index, self._ack_index - 1))
            if last_index >= self._ack_index:
                self._losses.add(max(first_index, self._ack_index), last_index)

    def _send_drop_request(self, first: int, last: int) -> None:
        body = encode_drop_request_body(first & SEQNO_MASK, last & SEQNO_MASK)
        self._controls.append(Control(ControlType.DROP_REQUEST, 0, body))

    def handle_timer(self, now_us: int) -> None:
        """Give up what is too old, and probe for a lost tail."""
        self._drop_too_late(now_us)
        probe_us = self._tail_probe_us()
        if probe_us is not None and now_us >= probe_us:
            self._probes += 1
            self._losses.add(self._unsent_index - 1, self._unsent_index - 1)
            self.last_sent_us = now_us

    def _drop_too_late(self, now_us: int) -> None:
        end = self._ack_index
        while end < self._next_index and now_us - self._packets[end].origin_us > self._drop_us:
            end += 1
        if end > self._ack_index:
            self.statistics.dropped_packets += end - self._ack_index
            self._send_drop_request(self._ack_index, end - 1)
            self._forget_below(end)

    def _tail_probe_us(self) -> int | None:
        # The receiver sees a gap only when a later packet comes, so a lost last packet is never reported.
        # The newest one is sent again after the time in which an ACK for it must have come; each time later.
        if self._ack_index == self._unsent_index:
            return None
        trip = self.round_trip
        wait_us = max(trip.rtt_us + 4 * trip.variance_us, MIN_TAIL_PROBE_US)
        return self.last_sent_us + (wait_us << min(self._probes, 6))

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        if self._ack_index == self._next_index:
            return None
        drop_us = self._packets[self._ack_index].origin_us + self._drop_us + 1
        probe_us = self._tail_probe_us()
        return drop_us if probe_us is None else min(drop_us, probe_us)

    def poll_controls(self) -> list[Control]:
        """Return the control packets to send, once."""
        if not self._controls:
            return []
        controls, self._controls = self._controls, []
        return controls
