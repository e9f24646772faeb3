"""Packets sealed once for all who share a key."""

import numpy as np
import pytest
from tests.support.fanout_tables import payload, ring_with
from tests.support.sealed import opened, parity_of, session_keys

from headrace.base.datagram_batch import I64Array
from headrace.fanout.ring import Ring
from headrace.fanout.sealing import SealingKey
from headrace.fanout.shared_seal import SharedSeal
from headrace.srt.packet import encode_data_header, message_word
from headrace.srt.session_keys import Parity

OFFSET = (1 << 31) - 5
"""The numbers on the wire wrap after the fifth packet."""
KEYS = session_keys(9)
EVEN, ODD = (SealingKey(key or b"", KEYS.salt) for key in (KEYS.even, KEYS.odd))


def seal_of(ring: Ring) -> SharedSeal:
    return SharedSeal(ring, OFFSET, EVEN, Parity.EVEN)


def datagrams(ring: Ring, seal: SharedSeal, indices: I64Array) -> list[bytes]:
    headers = np.array(
        [
            np.frombuffer(
                encode_data_header(
                    seqno=(index + OFFSET) & 0x7FFF_FFFF,
                    message_word=message_word(index + 1),
                    timestamp_us=0,
                    dst_socket_id=1,
                ),
                np.uint8,
            )
            for index in indices.tolist()
        ]
    )
    slots = ring.slots(indices)
    sealed = seal.seal(headers, slots)
    lengths = ring.lengths[slots].tolist()
    return [
        header.tobytes() + sealed.store[slot, :length].tobytes()
        for header, slot, length in zip(headers, sealed.slots, lengths, strict=True)
    ]


def test_what_is_sealed_opens_across_the_wrap_of_sequence_numbers() -> None:
    ring = ring_with(range(10))
    sent = datagrams(ring, seal_of(ring), np.arange(3, 8))
    assert [opened(one, KEYS) for one in sent] == [payload(index).tobytes() for index in range(3, 8)]
    assert {parity_of(one) for one in sent} == {Parity.EVEN}


def test_a_packet_is_sealed_once_however_often_it_is_sent() -> None:
    ring = ring_with(range(10))
    seal = seal_of(ring)
    first = datagrams(ring, seal, np.array([4, 5]))
    assert datagrams(ring, seal, np.array([4, 4, 5, 6]))[:3] == [first[0], first[0], first[1]]
    assert seal.sealed_packets == 3


def test_what_was_sealed_keeps_its_key_when_another_one_comes_into_use() -> None:
    ring = ring_with(range(10))
    seal = seal_of(ring)
    datagrams(ring, seal, np.array([1, 2]))
    seal.use(ODD, Parity.ODD)
    sent = datagrams(ring, seal, np.array([1, 2, 3]))
    assert [parity_of(one) for one in sent] == [Parity.EVEN, Parity.EVEN, Parity.ODD]
    assert [opened(one, KEYS) for one in sent] == [payload(index).tobytes() for index in (1, 2, 3)]


def test_what_was_sealed_with_a_key_that_is_replaced_is_sealed_anew() -> None:
    ring = ring_with(range(10))
    seal = seal_of(ring)
    datagrams(ring, seal, np.array([1, 2]))
    seal.use(ODD, Parity.ODD)
    seal.unseal(Parity.EVEN)
    assert [parity_of(one) for one in datagrams(ring, seal, np.array([1, 2]))] == [Parity.ODD] * 2


def test_a_slot_that_is_used_again_is_sealed_again_and_the_ring_may_grow() -> None:
    ring = Ring(retention_us=1_000, max_packets=512)
    seal = seal_of(ring)
    for index in range(1_500):
        assert ring.put(index, payload(index), index * (1 if index > 400 else 10_000))
        (sent,) = datagrams(ring, seal, np.array([index]))
        assert opened(sent, KEYS) == payload(index).tobytes()
    assert len(seal.store) == ring.capacity_packets == 512


def test_without_memory_for_a_store_packets_are_sealed_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = ring_with(range(10))
    seal = seal_of(ring)
    empty = np.empty

    def scarce(shape: object, *args: object) -> object:
        if shape == (ring.capacity_packets, 1456):
            raise MemoryError
        return empty(shape, *args)  # type: ignore[call-overload]

    monkeypatch.setattr(np, "empty", scarce)
    sent = datagrams(ring, seal, np.array([2, 4]))
    assert [opened(one, KEYS) for one in sent] == [payload(index).tobytes() for index in (2, 4)]
    assert len(seal.store) == 0
