"""Runs of packets that wait for their time."""

from random import Random

from headrace.srt.receive_buffer import MAX_GROWN_PACKETS, HeldRun, ReceiveBuffer


def held(buffer: ReceiveBuffer, indices: range) -> list[int]:
    return [index for index in indices if index in buffer]


def indices_of(runs: list[HeldRun]) -> list[int]:
    return [index for run in runs for index in range(run.first_index, run.end_index)]


def test_packets_come_out_in_order_whatever_order_they_came_in() -> None:
    buffer = ReceiveBuffer()
    for index in (5, 7, 6, 2, 9, 8):
        buffer.add(index, b"%d" % index, 10 * index)
    assert len(buffer) == 6
    assert held(buffer, range(12)) == [2, 5, 6, 7, 8, 9]
    assert buffer.first_origin_us == 20
    runs = buffer.pop_due(1_000)
    assert indices_of(runs) == [2, 5, 6, 7, 8, 9]
    assert [payload for run in runs for payload in run.payloads] == [b"2", b"5", b"6", b"7", b"8", b"9"]
    assert len(buffer) == 0


def test_what_is_stamped_later_holds_back_what_follows_it() -> None:
    buffer = ReceiveBuffer()
    buffer.add_run(HeldRun(1, [b"", b"", b""], [10, 30, 20]))
    buffer.add_run(HeldRun(4, [b""], [15]))
    assert indices_of(buffer.pop_due(9)) == []
    assert indices_of(buffer.pop_due(20)) == [1]
    assert (held(buffer, range(6)), buffer.first_origin_us) == ([2, 3, 4], 30)
    assert indices_of(buffer.pop_due(30)) == [2, 3, 4]


def test_what_is_older_than_an_index_can_be_given_up_within_a_run_too() -> None:
    buffer = ReceiveBuffer()
    buffer.add_run(HeldRun(1, [b""] * 4, [0] * 4))
    buffer.add_run(HeldRun(8, [b""] * 2, [0] * 2))
    buffer.pop_below(3)
    assert (held(buffer, range(12)), len(buffer)) == ([3, 4, 8, 9], 4)
    buffer.pop_below(9)
    assert (held(buffer, range(12)), len(buffer)) == ([9], 1)
    buffer.pop_below(50)
    assert (held(buffer, range(12)), len(buffer)) == ([], 0)


def test_packets_in_order_make_few_runs_of_bounded_length() -> None:
    buffer = ReceiveBuffer()
    for index in range(10 * MAX_GROWN_PACKETS):
        buffer.add(index, b"", index)
    assert [len(run.origins_us) for run in buffer.pop_due(1 << 40)] == [MAX_GROWN_PACKETS] * 10


def test_it_holds_what_a_plain_set_would() -> None:
    random, buffer, expected = Random(4), ReceiveBuffer(), dict[int, int]()
    for _ in range(2_000):
        index = random.randrange(300)
        if index not in buffer:
            origin_us = random.randrange(1_000)
            buffer.add(index, b"", origin_us)
            expected[index] = origin_us
        if random.random() < 0.05:
            limit_us = random.randrange(1_000)
            due = []
            for oldest in sorted(expected):
                if expected[oldest] > limit_us:
                    break
                due.append(oldest)
                del expected[oldest]
            assert indices_of(buffer.pop_due(limit_us)) == due
        assert len(buffer) == len(expected)
        assert held(buffer, range(300)) == sorted(expected)
