"""What a tap gives, carried from one thread to another."""

import threading
from collections.abc import Callable

from headrace.service.tap_handover import MAX_WAITING_BYTES, TapHandover


class Calls:
    """Another thread's loop, which calls when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def soon(self, function: Callable[[], object]) -> None:
        self.waiting.append(function)

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for function in waiting:
            function()


def test_payloads_arrive_in_order_with_their_gaps_and_one_call_takes_all() -> None:
    calls, taken = Calls(), list[tuple[list[bytes], bool]]()
    handover = TapHandover(calls.soon, lambda payloads, is_gap: taken.append((payloads, is_gap)))
    handover.put([b"1"], False)
    handover.put([b"2", b"3"], True)
    assert len(calls.waiting) == 1
    calls.run()
    assert taken == [([b"1"], False), ([b"2", b"3"], True)]
    handover.put([b"4"], False)
    calls.run()
    assert taken[2:] == [([b"4"], False)]


def test_what_a_slow_thread_does_not_take_is_thrown_away_and_told_as_a_gap() -> None:
    calls, taken = Calls(), list[tuple[int, bool]]()
    handover = TapHandover(calls.soon, lambda payloads, is_gap: taken.append((len(payloads[0]), is_gap)))
    handover.put([bytes(MAX_WAITING_BYTES)], False)
    handover.put([b"1"], False)
    handover.put([b"lost"], False)
    assert handover.lost_payloads == 1
    calls.run()
    handover.put([b"after"], False)
    handover.put([b"and"], False)
    calls.run()
    assert taken == [(MAX_WAITING_BYTES, False), (1, False), (5, True), (3, False)]


def test_a_failure_of_who_takes_does_not_stop_what_comes_after() -> None:
    calls, taken = Calls(), list[bytes]()

    def take(payloads: list[bytes], _is_gap: bool) -> None:
        if payloads == [b"bad"]:
            raise ValueError
        taken.extend(payloads)

    handover = TapHandover(calls.soon, take)
    handover.put([b"bad"], False)
    try:
        calls.run()
    except ValueError:
        handover.put([b"good"], False)
        calls.run()
    assert taken == [b"good"]


def test_two_threads_lose_nothing_between_them() -> None:
    ready, taken = threading.Event(), list[bytes]()
    waiting: list[Callable[[], object]] = []

    def soon(function: Callable[[], object]) -> None:
        waiting.append(function)
        ready.set()

    handover = TapHandover(soon, lambda payloads, _: taken.extend(payloads))

    def take() -> None:
        while len(taken) < 20_000 and ready.wait(5):
            ready.clear()
            while waiting:
                waiting.pop(0)()

    thread = threading.Thread(target=take)
    thread.start()
    for number in range(20_000):
        handover.put([b"%d" % number], False)
    thread.join(20)
    assert taken == [b"%d" % number for number in range(20_000)]
