"""A batch of datagrams: what goes in comes out, up to its capacity."""

import pytest

from headrace.base.datagram_batch import MAX_DATAGRAM_BYTES, DatagramBatch
from headrace.base.sockaddr import encode_sockaddr

ONE, OTHER = encode_sockaddr("10.0.0.1", 1), encode_sockaddr("::1", 2)


def test_a_new_batch_is_empty() -> None:
    batch = DatagramBatch(3)
    assert (batch.capacity, batch.count) == (3, 0)
    assert batch.data.shape == (3, MAX_DATAGRAM_BYTES)
    assert batch.data.flags.c_contiguous
    assert batch.addresses.shape == (3, 28)


def test_datagrams_and_addresses_come_out_as_they_went_in() -> None:
    batch = DatagramBatch(3)
    assert batch.append(b"hello", ONE)
    assert batch.append(b"", OTHER)
    assert batch.count == 2
    assert (batch.datagram(0), batch.address(0)) == (b"hello", ONE)
    assert (batch.datagram(1), batch.address(1)) == (b"", OTHER)


def test_a_full_batch_takes_no_more_and_changes_nothing() -> None:
    batch = DatagramBatch(1)
    assert batch.append(b"first", ONE)
    assert not batch.append(b"second", OTHER)
    assert (batch.count, batch.datagram(0), batch.address(0)) == (1, b"first", ONE)


def test_the_longest_datagram_fits_and_a_longer_one_does_not() -> None:
    batch = DatagramBatch(2)
    longest = bytes(range(256)) * (MAX_DATAGRAM_BYTES // 256)
    assert batch.append(longest, ONE)
    assert batch.datagram(0) == longest
    with pytest.raises(ValueError, match="over 1536"):
        batch.append(longest + b"x", ONE)
    assert batch.count == 1


def test_a_used_slot_shows_nothing_of_a_longer_datagram_before() -> None:
    batch = DatagramBatch(1)
    batch.append(b"a long one", ONE)
    batch.count = 0
    batch.append(b"new", ONE)
    assert batch.datagram(0) == b"new"
