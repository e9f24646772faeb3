"""Which packets of a burst can leave as the segments of one message.

Source: Linux udp(7) ``UDP_SEGMENT``; ``net/ipv4/udp.c`` for the limits.
"""

from typing import Final, NamedTuple

MAX_SEGMENTS: Final = 64
"""``UDP_MAX_SEGMENTS`` of every kernel that knows the option; newer ones allow 128."""

MAX_SEGMENTED_BYTES: Final = 65_487
"""An IP packet has 65,535 bytes; 40 of them are the IPv6 header, 8 the UDP header."""


class SegmentGroup(NamedTuple):
    """Consecutive packets that go into one message."""

    first_packet: int
    packets: int
    segment_bytes: int


def one_packet_groups(datagram_bytes: list[int]) -> list[SegmentGroup]:
    """Return a group for each packet: what a system without segmentation offload does."""
    return [SegmentGroup(packet, 1, size_bytes) for packet, size_bytes in enumerate(datagram_bytes)]


def group_segments(datagram_bytes: list[int]) -> list[SegmentGroup]:
    """Return the fewest groups that the kernel allows, in order.

    All segments of a message have the length of its first, only the last may be shorter; so a short packet
    ends its group, and a longer one starts the next.

    Args:
        datagram_bytes: Header and payload bytes of each packet of the burst.
    """
    groups: list[SegmentGroup] = []
    first = 0
    group_bytes = 0
    for packet, size_bytes in enumerate(datagram_bytes):
        if packet > first and not _fits(datagram_bytes, first, packet, group_bytes):
            groups.append(SegmentGroup(first, packet - first, datagram_bytes[first]))
            first, group_bytes = packet, 0
        group_bytes += size_bytes
    if datagram_bytes:
        groups.append(SegmentGroup(first, len(datagram_bytes) - first, datagram_bytes[first]))
    return groups


def _fits(datagram_bytes: list[int], first: int, packet: int, group_bytes: int) -> bool:
    segment_bytes = datagram_bytes[first]
    return (
        datagram_bytes[packet - 1] == segment_bytes
        and 0 < datagram_bytes[packet] <= segment_bytes
        and packet - first < MAX_SEGMENTS
        and group_bytes + datagram_bytes[packet] <= MAX_SEGMENTED_BYTES
    )
