"""What one UDP socket has done since it was opened."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass


@dataclass(slots=True)
class SocketCounters:
    """Totals of one socket; all start at 0 and only grow.

    Attributes:
        datagrams_sent: Datagrams that the kernel accepted.
        bytes_sent: UDP payload bytes of those.
        datagrams_received: Datagrams that were read, truncated ones included.
        bytes_received: UDP payload bytes of those that were read whole.
        send_would_block_datagrams: Datagrams given up because the send buffer was full.
        send_error_datagrams: Datagrams that the kernel refused, such as for want of a route.
        receive_dropped_datagrams: Datagrams that came while the receive buffer was full, when last looked at.
        receive_truncated_datagrams: Datagrams longer than a row of the batch; their length reads 0.
        system_calls: Calls to the kernel for sending.
        segment_refused_messages: Segmented messages that the kernel refused, whose datagrams it then took
            one by one. A path with a small MTU does that.
    """

    datagrams_sent: int = 0
    bytes_sent: int = 0
    datagrams_received: int = 0
    bytes_received: int = 0
    send_would_block_datagrams: int = 0
    send_error_datagrams: int = 0
    receive_dropped_datagrams: int = 0
    receive_truncated_datagrams: int = 0
    system_calls: int = 0
    segment_refused_messages: int = 0


def sum_counters(counters: Iterable[SocketCounters]) -> SocketCounters:
    """Return the sums of what several sockets have done; threads that use them may go on meanwhile."""
    return SocketCounters(*map(sum, zip(*map(astuple, counters), strict=True)))
