"""The tables that the kernel reads of a burst: messages to each peer, and two iovecs for each of its packets.

Bursts of one shape, so many packets of such lengths, differ in pointers alone. The tables are kept between them,
and a pointer that has not moved is not written again.

Source: sendmmsg(2), udp(7).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.base.sockaddr import SOCKADDR_BYTES
from headrace.netio import libc
from headrace.netio.segment_groups import SegmentGroup, group_segments, one_packet_groups

MAX_PACKETS_PER_FILL: Final = 16_384
"""Packets for which there are tables at a time: half a megabyte of iovecs stays in a core's cache."""

PACKET_BYTES: Final = 2 * libc.IOVEC_BYTES
"""What the iovecs of a packet take."""


class BurstTable:
    """Tables of one shape of burst, for as many peers as are sent to at a time.

    Args:
        peers: Whom to send to; at least one.
        header_bytes: Of each packet.
        payload_bytes: Of each packet; at least one.
        segmenting: Whether a message may carry several packets.

    Attributes:
        peers: For so many is there room, which may be fewer.
        messages: Shape ``(peers * messages_a_peer, 8)``.
        messages_a_peer: That follow each other in `messages`.
        bytes_a_peer: Of its datagrams.
    """

    __slots__ = (
        "_control",
        "_headers",
        "_headers_address",
        "_iovecs",
        "_most_peers",
        "_names",
        "_names_address",
        "_payloads",
        "bytes_a_peer",
        "messages",
        "messages_a_peer",
        "peers",
    )

    def __init__(self, peers: int, header_bytes: int, payload_bytes: Sequence[int], *, segmenting: bool) -> None:
        datagram_bytes = [header_bytes + size_bytes for size_bytes in payload_bytes]
        groups = group_segments(datagram_bytes) if segmenting else one_packet_groups(datagram_bytes)
        self.bytes_a_peer = sum(datagram_bytes)
        self.messages_a_peer = len(groups)
        self._most_peers = _most_peers(len(groups), len(datagram_bytes))
        self.peers = min(peers, self._most_peers)
        self._iovecs = _make_iovecs(self.peers, header_bytes, payload_bytes)
        self._headers, self._payloads = self._iovecs[:, :, 0], self._iovecs[:, :, 2]
        self._control = _segment_control(groups)
        self.messages = _make_messages(self.peers, groups, self._control, self._iovecs)
        self._names = self.messages[:, libc.NAME]
        self._names_address = self._headers_address = 0

    def is_enough_for(self, peers: int) -> bool:
        """Whether more room would not let it take more of them at a time."""
        return self.peers >= min(peers, self._most_peers)

    def point(self, names_address: int, headers_address: int, payload_addresses: I64Array) -> None:
        """Say where the data of the next burst is.

        Args:
            names_address: The first peer's socket address; those of the others follow.
            headers_address: The first peer's first header; the others follow.
            payload_addresses: Of payloads that all peers get, shape ``(P,)``; or each peer's own, ``(V, P)``.
        """
        if names_address != self._names_address:
            self._names += names_address - self._names_address
            self._names_address = names_address
        if headers_address != self._headers_address:
            self._headers += headers_address - self._headers_address
            self._headers_address = headers_address
        if payload_addresses.ndim == 1:
            self._payloads[:] = payload_addresses
        else:
            self._payloads[: len(payload_addresses)] = payload_addresses


def _most_peers(messages_a_peer: int, packets: int) -> int:
    """Return how many peers' tables are to be made at a time."""
    return max(1, min(libc.MAX_MESSAGES_PER_CALL // messages_a_peer, MAX_PACKETS_PER_FILL // packets))


def _make_iovecs(peers: int, header_bytes: int, payload_bytes: Sequence[int]) -> I64Array:
    """Return iovecs of headers, that lie from address 0 on, and of payloads; shape ``(peers, P, 4)``."""
    packets = len(payload_bytes)
    iovecs: I64Array = np.empty((peers, packets, 4), np.int64)
    iovecs[:, :, 0] = np.arange(0, peers * packets * header_bytes, header_bytes).reshape(peers, packets)
    iovecs[:, :, 1] = header_bytes
    iovecs[:, :, 3] = payload_bytes
    return iovecs


def _make_messages(peers: int, groups: list[SegmentGroup], control: I64Array, iovecs: I64Array) -> I64Array:
    """Return messages to peers whose names lie from address 0 on; shape ``(peers * len(groups), 8)``."""
    messages: I64Array = np.zeros((peers, len(groups), libc.MESSAGE_WORDS), np.int64)
    rows = np.arange(peers)[:, None]
    first_packets = np.array([group.first_packet for group in groups])
    segmented = np.array([group.packets > 1 for group in groups])
    control_addresses = control.ctypes.data + libc.UDP_SEGMENT_BYTES * np.arange(len(groups))
    messages[:, :, libc.NAME] = SOCKADDR_BYTES * rows
    # The kernel takes a sockaddr_in6's length for a sockaddr_in as well.
    messages[:, :, libc.NAME_BYTES] = SOCKADDR_BYTES
    messages[:, :, libc.IOVECS] = iovecs.ctypes.data + rows * iovecs.strides[0] + first_packets * PACKET_BYTES
    messages[:, :, libc.IOVEC_COUNT] = [2 * group.packets for group in groups]
    messages[:, :, libc.CONTROL] = np.where(segmented, control_addresses, 0)
    messages[:, :, libc.CONTROL_BYTES] = np.where(segmented, libc.UDP_SEGMENT_BYTES, 0)
    return messages.reshape(-1, libc.MESSAGE_WORDS)


def _segment_control(groups: list[SegmentGroup]) -> I64Array:
    """Return a control message for each group; all peers share it."""
    control = np.empty((len(groups), libc.UDP_SEGMENT_WORDS), np.int64)
    control[:, 0] = libc.UDP_SEGMENT_USED_BYTES
    control[:, 1] = libc.UDP_SEGMENT_LEVEL_AND_TYPE
    control[:, 2] = [group.segment_bytes for group in groups]
    return control
