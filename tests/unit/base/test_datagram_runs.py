"""Runs of datagrams as columns."""

import numpy as np

from headrace.base.datagram_runs import DatagramRuns


def test_the_columns_are_found_by_name_and_in_this_order() -> None:
    addresses, packets = np.zeros((1, 28), np.uint8), np.ones(1, np.int64)
    store, headers = np.zeros((4, 8), np.uint8), np.zeros((1, 16), np.uint8)
    slots = lengths = np.ones(1, np.int64)
    runs = DatagramRuns(addresses, packets, [store], headers, slots, lengths)
    assert runs._fields == ("addresses", "packets", "stores", "headers", "slots", "lengths")
    assert runs.stores[0] is store
