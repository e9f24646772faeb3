"""Sealing in bulk: known bytes, what opens what, and what a key shows of itself."""

import numpy as np
import pytest

from headrace.fanout.sealing import MAX_SCRATCH_BYTES, Scratch, SealingKey, block_count, seal

KEY = bytes(range(16))
SALT = bytes(range(100, 116))
# openssl enc -aes-128-ctr, with the counter that 6.2.2 of the draft describes: salt xor 7 << 16.
KNOWN = bytes.fromhex("c1c7309df0e493a89501130f0d5585be1dad73f1")


def test_known_bytes() -> None:
    sealed = seal([SealingKey(KEY, SALT)], [1], np.array([7]), np.zeros((1, 32), np.uint8), np.array([20]))
    assert sealed[0, :20].tobytes() == KNOWN


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
def test_what_was_sealed_opens_with_the_same_key_and_number_only(key_bytes: int) -> None:
    key, other = (SealingKey(bytes([number]) * key_bytes, SALT) for number in (1, 2))
    clear = np.arange(64, dtype=np.uint8).reshape(2, 32)
    seqnos, lengths = np.array([5, 6]), np.array([32, 30])
    sealed = seal([key], [2], seqnos, clear, lengths)
    assert (seal([key], [2], seqnos, sealed, lengths) == clear).all()
    assert not (seal([other], [2], seqnos, sealed, lengths) == clear).all()
    assert not (seal([key], [2], seqnos + 1, sealed, lengths) == clear).all()


def test_a_block_more_is_taken_only_where_a_payload_reaches_into_it() -> None:
    assert [block_count(np.array(lengths, np.int64)) for lengths in ([], [1], [16], [17, 3], [1456])] == [
        0,
        1,
        1,
        2,
        91,
    ]


def test_a_key_says_nothing_of_itself() -> None:
    key = SealingKey(b"very secret key!", SALT)
    assert "secret" not in f"{key!r} {key}"
    assert b"very secret key!".hex() not in f"{key!r}"


def test_a_salt_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        SealingKey(KEY, b"salt")


def test_scratch_memory_is_used_again_unless_it_would_be_too_much() -> None:
    scratch = Scratch()
    first = scratch.take(1000)
    assert np.shares_memory(first, scratch.take(600))
    assert len(scratch.take(2000)) == 2000
    huge = scratch.take(MAX_SCRATCH_BYTES + 1)
    assert len(huge) == MAX_SCRATCH_BYTES + 1
    assert not np.shares_memory(huge, scratch.take(MAX_SCRATCH_BYTES + 1))
