"""A UDP socket whose datagrams come with the time at which the kernel took them in.

A receiver that is busy with others then measures what the network and the broker took, not how long it was busy.

Source: socket(7) and the kernel's Documentation/networking/timestamping.rst, 1.2.
"""

import socket
import struct
from typing import Final, NamedTuple

SO_TIMESTAMPNS: Final = 35
"""From asm-generic/socket.h; Python's `socket` has no name for it."""

_TIMESPEC: Final = struct.Struct("@ll")
_MAX_DATAGRAM_BYTES: Final = 2048


class Stamped(NamedTuple):
    """One datagram.

    Attributes:
        datagram: Its bytes.
        arrived_us: Microseconds since 1970, as `headrace.netio.clock.unix_time_us` counts.
    """

    datagram: bytes
    arrived_us: int


def stamp_arrivals(udp: socket.socket) -> None:
    """Have the kernel note when each datagram comes."""
    udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def receive_stamped(udp: socket.socket) -> Stamped:
    """Return the next datagram.

    Raises:
        BlockingIOError: There is none.
    """
    datagram, ancillary, _, _ = udp.recvmsg(_MAX_DATAGRAM_BYTES, socket.CMSG_SPACE(_TIMESPEC.size))
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(content)
            return Stamped(datagram, seconds * 1_000_000 + nanoseconds // 1000)
    raise AssertionError("stamp_arrivals() comes first")
