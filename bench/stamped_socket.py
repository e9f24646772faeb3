"""A UDP socket whose datagrams come with the time at which the kernel took them in.

A receiver that is busy with others then measures what the network and the broker took, not how long it was busy.

Source: socket(7) and the kernel's Documentation/networking/timestamping.rst, 1.2.
"""

import contextlib
import socket
import struct
import time
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


_SWITCHED_ON_WITHIN_S: Final = 5.0
_TRY_S: Final = 0.0002


def stamp_arrivals(udp: socket.socket) -> None:
    """Have the kernel note when each datagram comes, and wait until it does so.

    The first socket that asks for it switches it on for the whole machine, from a work queue of the kernel's: a
    datagram that comes before that gets the time at which it is read (under load 0.5 ms later, measured).

    Raises:
        TimeoutError: The kernel still does not, after five seconds.
    """
    udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    give_up_at = time.monotonic() + _SWITCHED_ON_WITHIN_S
    with contextlib.closing(socket.socket(type=socket.SOCK_DGRAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        probe.bind(("127.0.0.1", 0))
        while not _is_stamped_on_arrival(probe):
            if time.monotonic() > give_up_at:
                raise TimeoutError("the kernel gives no time of arrival")


def _is_stamped_on_arrival(probe: socket.socket) -> bool:
    probe.sendto(b"", probe.getsockname())
    sent_us = time.time_ns() // 1000
    time.sleep(_TRY_S)
    return receive_stamped(probe).arrived_us <= sent_us


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
