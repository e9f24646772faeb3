import numpy as np

from headrace.bench.delays import Delays


def array(*values: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(values, np.int64)


def test_a_delay_is_from_the_send_of_its_channel_s_packet_to_each_arrival() -> None:
    delays = Delays([0, 0, 1])
    delays.note_sent(array(0, 0, 1), array(5, 6, 5), array(100, 200, 1_000))
    delays.note_arrivals(array(0, 1, 2), array(5, 5, 5), array(103, 107, 1_011))
    delays.note_arrivals(array(1), array(6), array(213))
    assert [column.tolist() for column in delays.take()] == [[0, 1, 2, 1], [5, 5, 5, 6], [3, 7, 11, 13]]


def test_what_was_taken_is_forgotten_but_not_when_packets_were_sent() -> None:
    delays = Delays([0])
    delays.note_sent(array(0), array(5), array(100))
    delays.note_arrivals(array(0), array(5), array(101))
    delays.take()
    assert [column.tolist() for column in delays.take()] == [[], [], []]
    delays.note_arrivals(array(0), array(5), array(109))
    assert delays.take()[2].tolist() == [9]
