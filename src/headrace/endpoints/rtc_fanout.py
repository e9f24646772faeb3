"""Seals RTP packets for all who watch a channel in one pass, and hands them to the kernel in bulk.

Each packet is made once for those who get it under the same numbers; what differs between them then is the key and
the address. Sealed packets lie in one buffer, from which the kernel cuts each viewer's as segments.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array
from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.endpoints.rtc_resends import RtcResends
from headrace.endpoints.rtc_viewer import Place, RtcViewer
from headrace.fanout.sent_totals import SentTotals
from headrace.netio.outbox import Outbox
from headrace.remux.rtp_packetizer import HEADER_BYTES, MAX_PACKET_BYTES
from headrace.webrtc.srtp import ROOM_BYTES, ClearPacket, clear_packet

ROWS: Final = 1_024
"""Sealed packets at a time: 1.3 MB, which stay in a core's cache."""
MAX_PACKETS_AT_ONCE: Final = 256
_RTX_BYTES: Final = 2
STRIDE_BYTES: Final = MAX_PACKET_BYTES + _RTX_BYTES + ROOM_BYTES + 6
"""Rounded up to whole words."""


class Recipient(NamedTuple):
    """Who gets a stream, and where it is in it."""

    viewer: RtcViewer
    place: Place


class RtcFanout:
    """Sends packets to viewers.

    Args:
        outbox: Where they leave.
    """

    __slots__ = ("_outbox", "_resends", "_room", "_rows", "_sealed", "_slots")

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._resends = RtcResends()
        # Headers go from a table of their own, so the payloads begin that much further on.
        self._room: U8Array = np.zeros(ROWS * STRIDE_BYTES + HEADER_BYTES, np.uint8)
        self._sealed = self._room[HEADER_BYTES:].reshape(ROWS, STRIDE_BYTES)
        whole = self._room.data
        self._rows = [whole[at : at + STRIDE_BYTES] for at in range(0, ROWS * STRIDE_BYTES, STRIDE_BYTES)]
        self._slots: I64Array = np.arange(ROWS)

    def send(self, recipients: Sequence[Recipient], begin: int, end: int, totals: SentTotals) -> None:
        """Send the channel's packets from ``begin`` to before ``end`` to all who get them next.

        Args:
            recipients: Each of whom has the same stream and is at ``begin``; its place is moved on.
            begin: Index of the first packet.
            end: One past the index of the last.
            totals: Where they are counted.
        """
        alike: dict[tuple[tuple[int, int], int], list[Recipient]] = {}
        own: list[Recipient] = []
        for recipient in recipients:
            viewer, place = recipient
            sealer = viewer.peer.sealer
            if sealer is None or viewer.peer.address is None:
                continue
            if place.prelude is not None and begin < place.prelude.end_index:
                own.append(recipient)
            else:
                alike.setdefault((place.outfit, sealer.overhead_bytes), []).append(recipient)
        for group in (*alike.values(), *([one] for one in own)):
            self._send_alike(group, begin, end, totals)

    def _send_alike(self, group: list[Recipient], begin: int, end: int, totals: SentTotals) -> None:
        place = group[0].place
        ring = place.stream.ring
        for at in range(begin, end, MAX_PACKETS_AT_ONCE):
            stop = min(end, at + MAX_PACKETS_AT_ONCE)
            dressed = [place.dress(packet, index) for index, packet in enumerate(ring.between(at, stop), at)]
            packets = list(map(clear_packet, dressed))
            peers_at_once = ROWS // len(packets)
            for first in range(0, len(group), peers_at_once):
                self._send_piece(group[first : first + peers_at_once], packets, at)
            payload_bytes = sum(map(len, dressed)) - HEADER_BYTES * len(packets)
            self._resends.note_sent(len(packets) * len(group))
            totals.add(sent_packets=len(packets) * len(group), sent_payload_bytes=payload_bytes * len(group))
            for _, one in group:
                one.next_index = stop
                one.sent_packets += len(packets)
                one.sent_payload_bytes += payload_bytes

    def _send_piece(self, group: list[Recipient], packets: list[ClearPacket], begin: int) -> None:
        """Seal packets that are the same in clear for each of a group, and send them."""
        overhead_bytes, addresses = 0, []
        for first_row, (viewer, place) in zip(range(0, ROWS, len(packets)), group, strict=False):
            sealer, address = viewer.peer.sealer, viewer.peer.address
            assert sealer is not None
            assert address is not None
            overhead_bytes = sealer.overhead_bytes
            addresses.append(address)
            rows = self._rows[first_row : first_row + len(packets)]
            sealer.seal_run(packets, place.index_of(begin), rows)
        count = len(group) * len(packets)
        shape = len(group), len(packets)
        self._outbox.send_burst(
            np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, SOCKADDR_BYTES),
            self._headers(count).reshape(*shape, HEADER_BYTES),
            self._sealed,
            self._slots[:count].reshape(shape),
            np.array([packet.length_bytes + overhead_bytes - HEADER_BYTES for packet in packets], np.int64),
        )

    def _headers(self, count: int) -> U8Array:
        rows = self._room[: ROWS * STRIDE_BYTES].reshape(ROWS, STRIDE_BYTES)
        return np.ascontiguousarray(rows[:count, :HEADER_BYTES])

    def resend(self, recipient: Recipient, channel_indices: Iterable[int], now_us: int) -> int:
        """Send a viewer packets again, those that are still here and that its credit is good for; return how many.

        Source: RFC 4588, 4 (a packet in the stream of retransmissions has the original number before its payload).
        """
        viewer, place = recipient
        sealer, address, ring = viewer.peer.sealer, viewer.peer.address, place.stream.ring
        if sealer is None or address is None:
            return 0
        held = [index for index in channel_indices if ring.get(index) is not None]
        granted, refused = self._resends.admit(place.credit, place.sent_packets, held, viewer.rtt_us, now_us)
        if refused:
            viewer.peer.ignored_packets["resends_beyond_budget"] += refused
        lengths: list[int] = []
        for channel_index in granted:
            [packet] = ring.between(channel_index, channel_index + 1)
            packet, index = _again(place, place.dress(packet, channel_index), channel_index)
            lengths.append(sealer.seal_into(packet, index, self._rows[len(lengths)]) - HEADER_BYTES)
        count = len(lengths)
        if count:
            addresses = np.frombuffer(address * count, np.uint8).reshape(count, SOCKADDR_BYTES)
            sizes = np.array(lengths, np.int64)
            self._outbox.send_each(addresses, self._headers(count), self._sealed, self._slots[:count], sizes)
            place.resent_packets += count
        return count


def _again(place: Place, packet: bytes, channel_index: int) -> tuple[bytes, int]:
    """Return what is sent in place of a lost packet, in clear, and its index."""
    if place.numbers.rtx_payload_type is None:
        return packet, place.index_of(channel_index)
    index = place.rtx_index
    place.rtx_index += 1
    second = packet[1] & 0x80 | place.numbers.rtx_payload_type
    header = packet[:1] + bytes((second,)) + (index & 0xFFFF).to_bytes(2, "big") + packet[4:8]
    return header + place.stream.rtx_ssrc.to_bytes(4, "big") + packet[2:4] + packet[HEADER_BYTES:], index
