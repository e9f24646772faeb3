"""AES-CTR over many packets at once, of one key or of many. The scalar twin is `headrace.srt.packet_cipher`.

A packet is sealed by the XOR with its key stream, and opened by the same once more. A key stream is AES of blocks
that count: those of all packets are written by NumPy, enciphered with one call for each key, and one XOR does the
rest. That takes a third of the time of one call for each packet.

Source: draft-sharabayko-srt, 6.2.2 and 6.3.2; measured in ``docs/decisions/0017-encryption.md``.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from headrace.base.datagram_batch import MAX_DATAGRAM_BYTES, I64Array, U8Array

BLOCK_BYTES: Final = 16
SALT_BYTES: Final = 16
MAX_SCRATCH_BYTES: Final = 2 << 20
"""For 1,400 packets: more are not sealed with one call but where somebody catches up with a great many."""

U64Array: TypeAlias = NDArray[np.uint64]

_WORDS_A_BLOCK: Final = 2
_MAX_BLOCKS: Final = MAX_DATAGRAM_BYTES // BLOCK_BYTES
_COUNTER_BITS: Final = 16
# What is written is big-endian: numbers are turned over once for a packet, and not for each of its blocks.
_COUNTERS: Final[U64Array] = np.arange(_MAX_BLOCKS, dtype=">u8").view(np.dtype(">u8").newbyteorder("="))


class SealingKey:
    """A session key made ready for use. Nothing that it says of itself shows the key.

    Args:
        key: 16, 24 or 32 bytes.
        salt: 16 bytes, of which the last two are not used: there the blocks count.
    """

    __slots__ = ("_encryptor", "salt")

    def __init__(self, key: bytes, salt: bytes) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes, this one has {len(salt)}")
        self.salt = salt[:-2] + bytes(2)
        # Blocks are enciphered one by one, so that a context serves all packets one after another.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - of counters

    def encipher(self, blocks: memoryview, room: memoryview) -> None:
        """Replace whole blocks by their ciphers; ``room`` is ``blocks`` and at least 15 bytes more, left alone."""
        self._encryptor.update_into(blocks, room)


def block_count(lengths: I64Array) -> int:
    """Return how many blocks the longest of some payloads takes."""
    return (int(lengths.max(initial=0)) + BLOCK_BYTES - 1) // BLOCK_BYTES


class Scratch:
    """Room for key streams that is used again and again: fresh memory costs as much as the sealing."""

    __slots__ = ("_store",)

    def __init__(self) -> None:
        self._store: U8Array = np.empty(0, np.uint8)

    def take(self, size_bytes: int) -> U8Array:
        """Return so many bytes; what was taken before is overwritten then."""
        if size_bytes > MAX_SCRATCH_BYTES:
            return np.empty(size_bytes, np.uint8)
        if size_bytes > len(self._store):
            self._store = np.empty(size_bytes, np.uint8)
        return self._store[:size_bytes]


def key_streams(
    keys: Sequence[SealingKey],
    counts: Sequence[int],
    seqnos: I64Array,
    blocks: int,
    *,
    scratch: Scratch | None = None,
) -> U64Array:
    """Return the key streams of ``n`` packets, those of each key together.

    Args:
        keys: Any may stand there several times.
        counts: Packets of each key.
        seqnos: Sequence numbers as on the wire, 31 bits; shape ``(n,)``.
        blocks: How long each stream is.
        scratch: Where the result may lie, until it is used again; None gives it memory of its own.

    Returns:
        Bytes in the order of the wire, seen as words of 64 bits; shape ``(n, 2 * blocks)``.
    """
    salts = np.frombuffer(b"".join([key.salt for key in keys]), np.uint64).reshape(-1, _WORDS_A_BLOCK)
    salts = np.repeat(salts, counts, axis=0)
    # The cipher wants room for a block more than it is to write.
    store = (scratch or Scratch()).take(len(seqnos) * blocks * BLOCK_BYTES + BLOCK_BYTES)
    words = store[:-BLOCK_BYTES].view(np.uint64).reshape(len(seqnos), blocks, _WORDS_A_BLOCK)
    words[:, :, 0] = salts[:, :1]
    first = (seqnos.view(np.uint64) << np.uint64(_COUNTER_BITS)).astype(">u8").view(np.uint64) ^ salts[:, 1]
    np.bitwise_or(first[:, None], _COUNTERS[:blocks], out=words[:, :, 1])
    _encipher(keys, counts, store.data, blocks * BLOCK_BYTES)
    return words.reshape(len(seqnos), blocks * _WORDS_A_BLOCK)


def _encipher(keys: Sequence[SealingKey], counts: Sequence[int], store: memoryview, packet_bytes: int) -> None:
    begin = 0
    for key, count in zip(keys, counts, strict=True):
        end = begin + count * packet_bytes
        if end > begin:
            key.encipher(store[begin:end], store[begin : end + BLOCK_BYTES])
        begin = end


def seal(
    keys: Sequence[SealingKey],
    counts: Sequence[int],
    seqnos: I64Array,
    payloads: U8Array,
    lengths: I64Array,
    *,
    scratch: Scratch | None = None,
) -> U8Array:
    """Return ``n`` payloads sealed, those of each key together.

    Args:
        keys: As of `key_streams`.
        counts: As of `key_streams`.
        seqnos: As of `key_streams`; shape ``(n,)``.
        payloads: Of all packets, or ``p`` that each key has alike; one a row, and as wide as whole blocks or
            wider; shape ``(n, w)`` or ``(p, w)``, the last axis contiguous.
        lengths: Bytes of each payload; what is past them means nothing, here and in the result; shape as long.
        scratch: As of `key_streams`.

    Returns:
        Shape ``(n, 16 * blocks)``, C-contiguous.
    """
    blocks = block_count(lengths)
    streams = key_streams(keys, counts, seqnos, blocks, scratch=scratch)
    words: NDArray[Any] = payloads[:, : blocks * BLOCK_BYTES].view(np.uint64)
    if len(words):
        by_key = streams.reshape(-1, *words.shape)
        by_key ^= words
    return streams.view(np.uint8)
