"""The simulated network itself: its loss, its order, its clock and its repeatability."""

import itertools
import time
from random import Random

import pytest
from tests.simnet.clock import SimClock
from tests.simnet.link import RunningLink, SimLink
from tests.simnet.network import SimNetwork

HERE, THERE = b"here", b"there"


class Talker:
    """Sends a numbered datagram every ``interval_us`` and remembers what it gets."""

    def __init__(self, peer: bytes = b"", interval_us: int | None = None, count: int = 1 << 62) -> None:
        self.peer = peer
        self.interval_us = interval_us
        self.left = count
        self.number = 0
        self.next_us: int | None = None if interval_us is None else 0
        self.timer_calls_us: list[int] = []
        self.received: list[tuple[int, bytes, bytes]] = []
        self.outgoing: list[tuple[bytes, bytes]] = []

    def handle_datagram(self, datagram: bytes, address: bytes, now_us: int) -> None:
        self.received.append((now_us, datagram, address))

    def handle_timer(self, now_us: int) -> None:
        self.timer_calls_us.append(now_us)
        self.outgoing.append((self.number.to_bytes(4, "big"), self.peer))
        self.number += 1
        self.left -= 1
        self.next_us = now_us + (self.interval_us or 0) if self.left else None

    def poll_timer(self) -> int | None:
        return self.next_us

    def poll_datagrams(self) -> list[tuple[bytes, bytes]]:
        outgoing, self.outgoing = self.outgoing, []
        return outgoing

    @property
    def numbers(self) -> list[int]:
        return [int.from_bytes(datagram, "big") for _, datagram, _ in self.received]


def converse(
    link: SimLink, *, seed: int = 1, count: int = 20_000, interval_us: int = 1000
) -> tuple[Talker, SimNetwork]:
    network = SimNetwork(seed, is_recording=True)
    listener = Talker()
    network.add_endpoint(Talker(THERE, interval_us, count), HERE)
    network.add_endpoint(listener, THERE)
    network.connect(HERE, THERE, link)
    network.run_for(count * interval_us + 1_000_000)
    return listener, network


def test_a_perfect_link_delivers_everything_in_order_after_its_latency() -> None:
    listener, network = converse(SimLink(latency_us=30_000), count=100)
    assert listener.numbers == list(range(100))
    assert listener.received[0] == (1_000_000 + 30_000, bytes(4), HERE)
    assert listener.received[99][0] == 1_000_000 + 99 * 1000 + 30_000
    assert network.clock.now_us == 1_000_000 + 100 * 1000 + 1_000_000


@pytest.mark.parametrize("mean_burst_packets", [None, 1.5, 8.0])
def test_the_share_lost_is_what_was_asked_for(mean_burst_packets: float | None) -> None:
    listener, network = converse(SimLink(loss=0.1, mean_burst_packets=mean_burst_packets))
    assert 0.08 < 1 - len(listener.received) / 20_000 < 0.12
    assert network.link(HERE, THERE).counters.lost == 20_000 - len(listener.received)


def test_bursts_of_loss_have_the_mean_length_that_was_asked_for() -> None:
    listener, _ = converse(SimLink(loss=0.05, mean_burst_packets=6))
    runs = [b - a - 1 for a, b in itertools.pairwise(listener.numbers) if b - a > 1]
    assert 5 < sum(runs) / len(runs) < 7


def test_jitter_stays_in_its_range_and_keeps_the_order() -> None:
    listener, _ = converse(SimLink(latency_us=10_000, jitter_us=4_000), count=5000)
    delays_us = [at_us - (1_000_000 + 1000 * number) for number, (at_us, _, _) in enumerate(listener.received)]
    assert listener.numbers == list(range(5000))
    assert min(delays_us) < 10_500
    assert 13_500 < max(delays_us) <= 14_000


def test_duplicates_arrive_twice() -> None:
    listener, network = converse(SimLink(duplication=0.2), count=5000)
    assert len(set(listener.numbers)) == 5000
    assert 800 < len(listener.numbers) - 5000 < 1200
    assert network.link(HERE, THERE).counters.duplicated == len(listener.numbers) - 5000


def test_a_reordered_datagram_is_overtaken_by_those_behind_it() -> None:
    listener, network = converse(SimLink(reordering=0.1, reorder_us=2500), count=5000)
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(listener.numbers))
    assert sorted(listener.numbers) == list(range(5000))
    assert 300 < overtaken <= network.link(HERE, THERE).counters.reordered < 600


def test_a_limited_rate_spaces_datagrams_out_and_drops_what_its_queue_does_not_hold() -> None:
    # 4 + 28 bytes at 25,600 bit/s take 10 ms, and one is sent each millisecond.
    listener, _ = converse(SimLink(rate_bps=25_600, queue_us=50_000), count=300)
    gaps_us = {b[0] - a[0] for a, b in itertools.pairwise(listener.received)}
    assert gaps_us == {10_000}
    assert 30 <= len(listener.received) <= 36


def test_an_outage_loses_what_is_sent_from_its_start_up_to_its_end() -> None:
    listener, _ = converse(SimLink(latency_us=5000, outages=((1_010_000, 1_020_000),)), count=40)
    assert listener.numbers == [*range(10), *range(20, 40)]


def test_the_same_seed_gives_the_same_trace_and_another_seed_another_one() -> None:
    link = SimLink(
        latency_us=9000, jitter_us=5000, loss=0.2, mean_burst_packets=3, duplication=0.1, reordering=0.1
    )
    first, again, other = (converse(link, seed=seed, count=500)[1].trace for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_each_direction_has_its_own_settings_and_randomness() -> None:
    network = SimNetwork(3)
    one, other = Talker(THERE, 1000), Talker(HERE, 1000)
    network.add_endpoint(one, HERE)
    network.add_endpoint(other, THERE)
    network.connect(HERE, THERE, SimLink(loss=0.5), SimLink(latency_us=7))
    network.run_for(1_000_000)
    assert 400 < len(other.received) < 600
    assert len(one.received) == 1001 - 1
    assert {at_us % 1000 for at_us, _, _ in one.received} == {7}


def test_a_timer_that_moves_earlier_or_later_fires_once_at_its_last_time() -> None:
    network = SimNetwork(1)
    talker = Talker(THERE, 1000, 1)
    talker.next_us = 1_500_000
    network.add_endpoint(talker, HERE)

    def move_to(time_us: int) -> None:
        talker.next_us = time_us

    network.call_at(1_100_000, lambda: move_to(1_300_000))
    network.call_at(1_200_000, lambda: move_to(1_400_000))
    network.run_until(3_000_000)
    assert talker.timer_calls_us == [1_400_000]


def test_a_run_ends_at_the_event_that_makes_its_condition_true() -> None:
    network = SimNetwork(1, default_link=SimLink(latency_us=500))
    listener = Talker()
    network.add_endpoint(Talker(THERE, 1000), HERE)
    network.add_endpoint(listener, THERE)
    assert network.run_until_true(lambda: len(listener.received) == 3, limit_us=9_000_000)
    assert network.clock.now_us == 1_002_500
    assert not network.run_until_true(lambda: False, limit_us=1_010_000)


def test_datagrams_to_nobody_and_over_no_link_are_counted() -> None:
    network = SimNetwork(1, default_link=SimLink())
    network.add_endpoint(Talker(THERE, 1000, 5), HERE)
    network.run_for(100_000)
    assert network.unroutable == 5
    unlinked = SimNetwork(1)
    unlinked.add_endpoint(Talker(HERE, 1000, 5), HERE)
    unlinked.run_for(100_000)
    assert unlinked.unroutable == 5


def test_a_removed_endpoint_gets_neither_datagrams_nor_timers() -> None:
    network = SimNetwork(1, default_link=SimLink())
    gone = Talker(HERE, 1000)
    network.add_endpoint(Talker(THERE, 1000), HERE)
    network.add_endpoint(gone, THERE)
    network.call_at(1_010_500, lambda: network.remove_endpoint(THERE))
    network.run_for(1_000_000)
    assert gone.timer_calls_us[-1] == gone.received[-1][0] == 1_010_000


def test_a_timer_that_never_lets_time_go_on_is_reported() -> None:
    network = SimNetwork(1)
    network.add_endpoint(Talker(THERE, 0), HERE)
    with pytest.raises(AssertionError, match="stays due"):
        network.run_for(1)


def test_the_clock_does_not_run_backwards() -> None:
    clock = SimClock(100)
    clock.advance_to(100)
    with pytest.raises(ValueError, match="in the past"):
        clock.advance_to(99)


def test_an_hour_passes_in_virtual_time_only() -> None:
    network = SimNetwork(1)
    network.add_endpoint(Talker(THERE, 1_000_000), HERE)
    started_ns = time.monotonic_ns()
    network.run_for(3_600_000_000)
    assert network.events == 3601
    assert time.monotonic_ns() - started_ns < 5_000_000_000


def test_settings_can_change_under_a_running_link() -> None:
    running = RunningLink(SimLink(latency_us=5), Random(1))
    assert running.arrivals_us(10, 100) == (105,)
    running.link = SimLink(latency_us=50)
    assert running.arrivals_us(10, 200) == (250,)


def test_a_test_may_lose_double_and_delay_single_datagrams() -> None:
    extra_us = [(), (0,), (0, 10_000), (5_000,)]
    network = SimNetwork(1, default_link=SimLink(latency_us=1_000))
    network.meddle = lambda datagram, sender, receiver: extra_us[datagram[3]]
    listener = Talker()
    network.add_endpoint(Talker(THERE, 1, 4), HERE)
    network.add_endpoint(listener, THERE)
    network.run_for(1_000_000)
    assert listener.numbers == [1, 2, 3, 2]
    first_us = listener.received[0][0]
    assert [at_us - first_us for at_us, _, _ in listener.received] == [0, 1, 5_002, 10_001]
