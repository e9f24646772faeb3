"""The control packets of many receivers at once. The scalar twins are in `headrace.srt.packet`.

Source: draft-sharabayko-srt, 3.2.4, 3.2.5.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import BoolArray, I64Array, U8Array, U32Array
from headrace.base.seqno import SEQNO_MASK
from headrace.srt.packet import CONTROL_BIT, EMPTY_BODY, HEADER_BYTES, MAX_LOSS_REPORT_WORDS, ControlType

AVAILABLE_PACKETS: Final = 8192
"""Free room that a receiver says it has (libsrt's default buffer)."""

_WIRE: Final = np.dtype(">u4")
_HEADER_WORDS: Final = HEADER_BYTES // 4
_EMPTY_WORDS: Final = _HEADER_WORDS + len(EMPTY_BODY) // 4
_ACK_WORDS: Final = _HEADER_WORDS + 7
_LIGHT_ACK_WORDS: Final = _HEADER_WORDS + 1


class Datagrams(NamedTuple):
    """Datagrams of different lengths.

    Attributes:
        data: One a row, C-contiguous; shape ``(n, width)``.
        lengths: Bytes used of each; shape ``(n,)``.
    """

    data: U8Array
    lengths: I64Array


class Sides(NamedTuple):
    """What a header says about the connection, for ``n`` of them; each of shape ``(n,)``.

    Attributes:
        epoch_us: Time from which a connection's timestamps count.
        peer_socket_id: The other side's socket id.
    """

    epoch_us: I64Array
    peer_socket_id: I64Array


def encode_acks(
    sides: Sides, *, numbers: I64Array, seqnos: I64Array, rtt_us: I64Array, variance_us: I64Array, now_us: int
) -> Datagrams:
    """Return full acknowledgements; every array has the shape ``(n,)``."""
    words = _headers(ControlType.ACK, sides, _ACK_WORDS, now_us)
    words[:, 1] = numbers
    words[:, 4] = seqnos
    words[:, 5] = rtt_us
    words[:, 6] = variance_us
    words[:, 7] = AVAILABLE_PACKETS
    return _whole(words)


def encode_light_acks(sides: Sides, *, seqnos: I64Array, now_us: int) -> Datagrams:
    """Return light acknowledgements; ``seqnos`` has the shape ``(n,)``."""
    words = _headers(ControlType.ACK, sides, _LIGHT_ACK_WORDS, now_us)
    words[:, 4] = seqnos
    return _whole(words)


def encode_empty(kind: ControlType, sides: Sides, *, now_us: int, info: I64Array | int = 0) -> Datagrams:
    """Return control packets without content; ``info`` is the type-specific word of all, or of shape ``(n,)``."""
    words = _headers(kind, sides, _EMPTY_WORDS, now_us)
    words[:, 1] = info
    return _whole(words)


def encode_loss_reports(sides: Sides, *, first_seqnos: I64Array, missing: BoolArray, now_us: int) -> Datagrams:
    """Return a report of what each receiver is missing; what does not fit into a datagram is left out.

    Args:
        sides: Of ``n`` connections.
        first_seqnos: Sequence number that column 0 of ``missing`` is about; shape ``(n,)``.
        missing: True where a packet is; at least one in each row; shape ``(n, k)``.
        now_us: The time.
    """
    edge = np.zeros((len(missing), 1), np.bool_)
    rows, starts = np.nonzero(missing & ~np.hstack((edge, missing[:, :-1])))
    ends = np.nonzero(missing & ~np.hstack((missing[:, 1:], edge)))[1]
    is_range = ends > starts
    words_each = 1 + is_range
    before = np.cumsum(words_each) - words_each
    # Where each range's words begin in its own row: those of earlier rows do not count.
    places = before - before[np.searchsorted(rows, rows)]
    fits = places + words_each <= MAX_LOSS_REPORT_WORDS
    rows, starts, ends, places, is_range = (one[fits] for one in (rows, starts, ends, places, is_range))
    used = np.zeros(len(missing), np.int64)
    np.maximum.at(used, rows, places + 1 + is_range)
    words = _headers(ControlType.NAK, sides, _HEADER_WORDS + int(used.max(initial=0)), now_us)
    words[rows, _HEADER_WORDS + places] = ((first_seqnos[rows] + starts) & SEQNO_MASK) | (is_range * CONTROL_BIT)
    words[rows[is_range], _HEADER_WORDS + places[is_range] + 1] = (
        first_seqnos[rows[is_range]] + ends[is_range]
    ) & SEQNO_MASK
    return Datagrams(words.view(np.uint8), HEADER_BYTES + 4 * used)


def _headers(kind: ControlType, sides: Sides, words_each: int, now_us: int) -> U32Array:
    words = np.zeros((len(sides.epoch_us), words_each), _WIRE)
    words[:, 0] = CONTROL_BIT | (kind << 16)
    words[:, 2] = (now_us - sides.epoch_us) & 0xFFFF_FFFF
    words[:, 3] = sides.peer_socket_id
    return words


def _whole(words: U32Array) -> Datagrams:
    data = words.view(np.uint8)
    return Datagrams(data, np.full(len(data), data.shape[1], np.int64))
