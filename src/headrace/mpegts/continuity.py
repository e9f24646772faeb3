"""Continuity counters: where packets of a transport stream are missing, out of order or repeated too often.

Source: ISO/IEC 13818-1, 2.4.3.3 (continuity counter, duplicate packets), 2.4.3.5 (discontinuity indicator).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from headrace.base.datagram_batch import BoolArray, U8Array
from headrace.mpegts.packet import HAS_ADAPTATION, HAS_PAYLOAD, NULL_PID, SYNC_BYTE, TRANSPORT_ERROR

PIDS: Final = 0x2000
NEVER_SEEN: Final = 255

_HEADER_BYTES: Final = 6
_DISCONTINUITY: Final = 0x80


class ContinuityCounters:
    """The last continuity counter of every PID, and how often one was not what it had to be.

    A packet with payload counts one up, one without keeps the counter. One packet may be sent twice in a row; it
    is told by its counter alone. A set discontinuity indicator excuses any step. Null packets, and packets that
    are damaged or of the reserved kind, are passed over.

    Attributes:
        last: By PID: counter of its newest packet, 0 to 15, or `NEVER_SEEN`; shape ``(PIDS,)``.
        errors: Packets whose counter was wrong. A gap is one, however long it is.
    """

    __slots__ = ("_is_repeat", "_last_has_payload", "errors", "last")

    def __init__(self) -> None:
        self.last: U8Array = np.full(PIDS, NEVER_SEEN, np.uint8)
        self.errors = 0
        self._last_has_payload: BoolArray = np.zeros(PIDS, np.bool_)
        self._is_repeat: BoolArray = np.zeros(PIDS, np.bool_)

    def feed(self, packets: U8Array) -> int:
        """Take packets in their order; return how many of them have a wrong counter.

        Args:
            packets: Transport packets; shape ``(n, 188)``.
        """
        headers = packets[:, :_HEADER_BYTES]
        headers = headers[_is_counted(headers)]
        if not len(headers):
            return 0
        pids = _pids(headers)
        by_pid = np.argsort(pids, kind="stable")  # of 16 bits it is a radix sort
        headers, pids = headers[by_pid], pids[by_pid]
        is_first = np.concatenate([[True], pids[1:] != pids[:-1]])
        is_last = np.append(is_first[1:], True)
        counter = headers[:, 3] & 15
        has_payload = (headers[:, 3] & HAS_PAYLOAD) != 0
        before = np.where(is_first, self.last[pids], np.roll(counter, 1))
        before_has_payload = np.where(is_first, self._last_has_payload[pids], np.roll(has_payload, 1))
        is_repeat = has_payload & before_has_payload & (counter == before)
        repeats_repeat = is_repeat & np.where(is_first, self._is_repeat[pids], np.roll(is_repeat, 1))
        is_expected = counter == ((before + has_payload) & 15)
        is_right = is_expected | (is_repeat & ~repeats_repeat) | (before == NEVER_SEEN) | _is_excused(headers)
        self.last[pids[is_last]] = counter[is_last]
        self._last_has_payload[pids[is_last]] = has_payload[is_last]
        self._is_repeat[pids[is_last]] = is_repeat[is_last]
        wrong = int(np.count_nonzero(~is_right))
        self.errors += wrong
        return wrong


def _pids(headers: U8Array) -> NDArray[np.uint16]:
    pids: NDArray[np.uint16] = (headers[:, 1] & 0x1F).astype(np.uint16) << np.uint16(8) | headers[:, 2]
    return pids


def _is_counted(headers: U8Array) -> BoolArray:
    is_whole = (headers[:, 0] == SYNC_BYTE) & (headers[:, 1] & TRANSPORT_ERROR == 0)
    is_of_a_kind = headers[:, 3] & (HAS_ADAPTATION | HAS_PAYLOAD) != 0
    counted: BoolArray = is_whole & is_of_a_kind & (_pids(headers) != NULL_PID)
    return counted


def _is_excused(headers: U8Array) -> BoolArray:
    has_flags = (headers[:, 3] & HAS_ADAPTATION != 0) & (headers[:, 4] > 0)
    excused: BoolArray = has_flags & (headers[:, 5] & _DISCONTINUITY != 0)
    return excused
