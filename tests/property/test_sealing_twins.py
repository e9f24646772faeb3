"""Sealing in bulk gives the bytes that sealing packet by packet gives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headrace.base.datagram_batch import U8Array
from headrace.fanout.sealing import SealingKey, seal
from headrace.srt.packet_cipher import PacketCipher

SEQNOS = st.one_of(st.integers(0, 0x7FFF_FFFF), st.integers(0x7FFF_FFF0, 0x7FFF_FFFF), st.integers(0, 8))
KEYS = st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
SALTS = st.binary(min_size=16, max_size=16)
LENGTHS = st.one_of(st.integers(1, 1456), st.sampled_from([1, 15, 16, 17, 188, 1316, 1456]))


def payloads_of(lengths: list[int], seed: int) -> U8Array:
    return np.random.default_rng(seed).integers(0, 256, (len(lengths), 1456), np.uint8)


def scalar(key: tuple[bytes, bytes], seqno: int, payload: bytes) -> bytes:
    return PacketCipher(*key).apply(seqno, payload)


@given(
    st.lists(st.tuples(KEYS, SALTS), max_size=4),
    st.lists(LENGTHS, max_size=5),
    st.lists(SEQNOS, min_size=4, max_size=4),
    st.integers(0, 1 << 32),
)
def test_the_same_packets_for_several_keys(
    keys: list[tuple[bytes, bytes]], lengths: list[int], firsts: list[int], seed: int
) -> None:
    payloads, count = payloads_of(lengths, seed), len(lengths)
    seqnos = (np.array(firsts[: len(keys)], np.int64)[:, None] + np.arange(count)).reshape(-1) & 0x7FFF_FFFF
    sealed = seal(
        [SealingKey(*key) for key in keys], [count] * len(keys), seqnos, payloads, np.array(lengths, np.int64)
    )
    assert len(sealed) == len(keys) * count
    for row, seqno in enumerate(seqnos.tolist()):
        packet, length = row % count, lengths[row % count]
        expected = scalar(keys[row // count], seqno, payloads[packet, :length].tobytes())
        assert sealed[row, :length].tobytes() == expected


@given(
    st.lists(st.tuples(st.tuples(KEYS, SALTS), st.lists(st.tuples(SEQNOS, LENGTHS), max_size=4)), max_size=4),
    st.integers(0, 1 << 32),
)
def test_packets_of_their_own_for_each_key(
    runs: list[tuple[tuple[bytes, bytes], list[tuple[int, int]]]], seed: int
) -> None:
    packets = [(key, seqno, length) for key, of_key in runs for seqno, length in of_key]
    payloads = payloads_of([length for _, _, length in packets], seed)
    sealed = seal(
        [SealingKey(*key) for key, _ in runs],
        [len(of_key) for _, of_key in runs],
        np.array([seqno for _, seqno, _ in packets], np.int64),
        payloads,
        np.array([length for _, _, length in packets], np.int64),
    )
    assert len(sealed) == len(packets)
    for row, (key, seqno, length) in enumerate(packets):
        assert sealed[row, :length].tobytes() == scalar(key, seqno, payloads[row, :length].tobytes())
