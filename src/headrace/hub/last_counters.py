"""The last continuity counters of a transport stream in a ring: where another one goes on.

Source: ISO/IEC 13818-1, 2.4.3.3.
"""

from typing import Final

import numpy as np

from headrace.fanout.ring import Ring
from headrace.mpegts.continuity import NEVER_SEEN, ContinuityCounters
from headrace.mpegts.packet import MAX_PACKETS_PER_DATAGRAM, TS_PACKET_BYTES

_STARTS: Final = np.arange(MAX_PACKETS_PER_DATAGRAM) * TS_PACKET_BYTES
_HEADER: Final = np.arange(6)


def last_counters(ring: Ring) -> dict[int, int]:
    """Return the last continuity counter of each PID that the ring has packets of."""
    indices = ring.held(np.arange(max(0, ring.next_index - ring.capacity_packets), ring.next_index))
    slots = ring.slots(indices)
    headers = ring.store[slots[:, None], (_STARTS[:, None] + _HEADER).ravel()].reshape(-1, len(_HEADER))
    counters = ContinuityCounters()
    counters.feed(headers[(ring.lengths[slots, None] >= _STARTS + TS_PACKET_BYTES).ravel()])
    pids = np.flatnonzero(counters.last != NEVER_SEEN)
    return dict(zip(pids.tolist(), counters.last[pids].tolist(), strict=True))
