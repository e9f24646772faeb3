"""How often hosts have called in this second."""

from random import Random

import numpy as np

from headrace.base.hosts import U64Array
from headrace.endpoints.host_rates import PLACE_BITS, SECOND_US, HostRates

SECRET = bytes(range(100, 108))


def hosts(*numbers: int) -> U64Array:
    return np.array(numbers, np.uint64)


def test_calls_of_each_host_are_counted_within_a_batch_and_over_batches() -> None:
    rates = HostRates(SECRET)
    assert rates.count(hosts(7, 9, 7, 7), 0).tolist() == [1, 1, 2, 3]
    assert rates.count(hosts(9, 7), 10).tolist() == [2, 4]


def test_each_second_begins_anew() -> None:
    rates = HostRates(SECRET)
    rates.count(hosts(7, 7), 5 * SECOND_US)
    assert rates.count(hosts(7), 6 * SECOND_US - 1).tolist() == [3]
    assert rates.count(hosts(7), 6 * SECOND_US).tolist() == [1]


def test_a_million_forged_hosts_count_little_towards_an_honest_one_and_take_no_memory() -> None:
    rates = HostRates(SECRET)
    size_bytes = rates._counts.nbytes
    forged = np.random.default_rng(1).integers(0, 1 << 32, 1_000_000, np.uint64)
    rates.count(forged, 0)
    assert rates.count(hosts(0x0A01_0203), 0)[0] < 10 * 1_000_000 >> PLACE_BITS
    assert rates._counts.nbytes == size_bytes


def test_which_hosts_share_a_place_depends_on_the_secret() -> None:
    some = np.random.default_rng(2).integers(0, 1 << 32, 20_000, np.uint64)

    def shared(secret: bytes) -> bytes:
        return HostRates(secret).count(some, 0).tobytes()

    assert shared(Random(1).randbytes(8)) != shared(Random(2).randbytes(8))
