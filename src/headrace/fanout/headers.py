"""Packet headers for many subscribers at once. The scalar twins are in `headrace.srt.packet`.

Source: draft-sharabayko-srt, 3.1, 3.2.5, 3.2.4; ``docs/internals/srt.md``.
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import I64Array, U8Array, U32Array
from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.subscriber_table import Rows, SubscriberColumns
from headrace.srt.packet import (
    CONTROL_BIT,
    EMPTY_BODY,
    HEADER_BYTES,
    MESSAGE_NUMBER_MASK,
    ControlType,
    message_word,
)

_WIRE_WORD: Final = np.dtype(">u4")
_NO_CONTENT: Final = np.frombuffer(EMPTY_BODY, _WIRE_WORD).astype(np.int64)
_MESSAGE_FLAGS: Final = message_word(0)


def message_words(indices: I64Array) -> I64Array:
    """Return the second header word of first transmissions of channel packets ``indices``; shape as given."""
    return indices % MESSAGE_NUMBER_MASK + 1 | _MESSAGE_FLAGS


def burst_headers(
    *, indices: I64Array, message_words: I64Array, times_us: I64Array, columns: SubscriberColumns
) -> U8Array:
    """Return a data header for each of ``p`` packets to each of ``v`` subscribers.

    Args:
        indices: Channel packet indices; shape ``(p,)``.
        message_words: PP, O, KK, R and message number, packed; shape ``(p,)``.
        times_us: Channel times; shape ``(p,)``.
        columns: The subscribers. ``seqno_offset`` is added modulo 2**31; ``epoch_us`` is subtracted, of
            ``earliest_us`` where the packet is older: receivers never deliver a packet from before their epoch.

    Returns:
        Big-endian headers, C-contiguous, ready for an iovec; shape ``(v, p, 16)``.
    """
    words = np.empty((len(columns.rows), len(indices), 4), _WIRE_WORD)
    # One array for both computed words: a burst's cost is mostly that of making and passing over arrays.
    word = indices + columns.seqno_offset[:, None]
    word &= SEQNO_MASK
    words[:, :, 0] = word
    words[:, :, 1] = message_words
    np.maximum(times_us, columns.earliest_us[:, None], out=word)
    word -= columns.epoch_us[:, None]
    word &= 0xFFFF_FFFF
    words[:, :, 2] = word
    words[:, :, 3] = columns.peer_socket_id[:, None]
    return words.view(np.uint8)


def single_headers(
    *,
    indices: I64Array,
    message_words: I64Array,
    times_us: I64Array,
    columns: SubscriberColumns,
    places: Rows | None = None,
) -> U8Array:
    """Return a data header for each of ``n`` packets, each to one subscriber; shape ``(n, 16)``.

    Args:
        indices: Channel packet indices; shape ``(n,)``.
        message_words: As of `burst_headers`; shape ``(n,)``.
        times_us: Channel times; shape ``(n,)``.
        columns: The subscribers.
        places: Which of them each packet is for, of shape ``(n,)``; None for packet ``i`` to subscriber ``i``.
    """
    which = slice(None) if places is None else places
    words = np.empty((len(indices), 4), _WIRE_WORD)
    words[:, 0] = (indices + columns.seqno_offset[which]) & SEQNO_MASK
    words[:, 1] = message_words
    words[:, 2] = (np.maximum(times_us, columns.earliest_us[which]) - columns.epoch_us[which]) & 0xFFFF_FFFF
    words[:, 3] = columns.peer_socket_id[which]
    return words.view(np.uint8).reshape(len(indices), HEADER_BYTES)


def control_packets(
    control_type: ControlType,
    *,
    info: U32Array | int,
    now_us: int,
    epoch_us: I64Array,
    peer_socket_id: U32Array,
    body: I64Array = _NO_CONTENT,
) -> U8Array:
    """Return control packets on the subscribers' own data clocks; shape ``(n, 16 + 4 * w)``.

    Args:
        control_type: Of all of them.
        info: Type-specific word, one for all or of shape ``(n,)``.
        now_us: Channel time now.
        epoch_us: Shape ``(n,)``.
        peer_socket_id: Shape ``(n,)``.
        body: Words of each, or of all, behind the header; by default what a packet without content has; shape
            ``(n, w)`` or ``(w,)``.
    """
    words = np.empty((len(epoch_us), HEADER_BYTES // 4 + body.shape[-1]), _WIRE_WORD)
    words[:, 0] = CONTROL_BIT | (control_type << 16)
    words[:, 1] = info
    words[:, 2] = (now_us - epoch_us) & 0xFFFF_FFFF
    words[:, 3] = peer_socket_id
    words[:, 4:] = body
    return words.view(np.uint8).reshape(words.shape[0], 4 * words.shape[1])
