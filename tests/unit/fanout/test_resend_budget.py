"""How much of what a subscriber asks for again it gets."""

from itertools import cycle, islice

import numpy as np
import pytest
from tests.support.fanout_tables import subscribe

from headrace.fanout.resend_budget import (
    FAIR_RESENDS_PER_PACKET,
    FAIR_ROUND_PACKETS,
    FLOOR_PACKETS_PER_SECOND,
    MAX_ROUND_PACKETS,
    MAX_SHARED_PACKETS,
    PATIENCE_US,
    RESENDS_PER_PACKET,
    ROUND_US,
    SHARED_FLOOR_PACKETS_PER_SECOND,
    SHARED_RESENDS_PER_PACKET,
    ResendBudget,
)
from headrace.fanout.resends import MAX_RESENDS_PER_REPORT_PACKETS
from headrace.fanout.subscriber_table import FIRST_RESENDS_PACKETS, SubscriberTable

SECOND = 1_000_000
START_US = 1_000_000
CAPACITY = 1024


class Scene:
    """Subscribers that are sent packets and ask for them again.

    Attributes:
        resent: What each has got again.
    """

    def __init__(self, subscribers: int = 1) -> None:
        self.table = SubscriberTable()
        self.budget = ResendBudget(self.table)
        self.rows = [subscribe(self.table, number) for number in range(subscribers)]
        self.resent = dict.fromkeys(self.rows, 0)
        self.now_us = START_US

    def send(self, packets: int, *rows: int) -> None:
        for row in rows or self.rows:
            self.table.rows["sent_packets"][row] += packets
            self.budget.note_sent(packets)

    def ask(self, row: int, packets: int) -> int:
        """Ask once in a round of its own."""
        self.now_us += ROUND_US
        return self.ask_now(row, packets)

    def ask_now(self, row: int, packets: int) -> int:
        asked = np.array([row]), np.array([packets]), np.array([CAPACITY])
        granted = int(self.budget.grant(*asked, self.now_us)[0])
        self.resent[row] += granted
        return granted

    def exhaust(self, row: int) -> None:
        while self.ask(row, MAX_RESENDS_PER_REPORT_PACKETS) > 1:
            pass


def floor_packets(elapsed_us: int) -> float:
    return FLOOR_PACKETS_PER_SECOND * elapsed_us / SECOND


def test_a_new_subscriber_may_ask_for_a_loss_reports_worth_and_no_more() -> None:
    scene = Scene()
    assert scene.ask(0, FIRST_RESENDS_PACKETS) == FIRST_RESENDS_PACKETS
    assert scene.ask(0, 1) == 0


def test_each_packet_sent_earns_one_resend_and_not_one_more() -> None:
    scene = Scene(subscribers=2)
    scene.exhaust(0)
    scene.budget._pool.shared_packets = MAX_SHARED_PACKETS
    scene.send(200, 0)
    got = scene.ask(0, 256)
    assert 200 * RESENDS_PER_PACKET <= got <= 200 * RESENDS_PER_PACKET + 1


def test_no_more_is_saved_up_than_the_ring_holds() -> None:
    scene = Scene()
    scene.send(100 * CAPACITY)
    scene.exhaust(0)
    elapsed_us = scene.now_us - START_US
    assert CAPACITY <= scene.resent[0] <= CAPACITY + floor_packets(elapsed_us) + 1


def test_the_end_of_a_paused_channel_can_be_had_by_one_that_has_used_up_everything() -> None:
    scene = Scene()
    scene.exhaust(0)
    scene.budget._pool.shared_packets = 0
    scene.now_us += SECOND
    assert FLOOR_PACKETS_PER_SECOND <= scene.ask(0, 100) <= FLOOR_PACKETS_PER_SECOND + 1


def test_a_greedy_subscriber_gets_what_nobody_else_needs_and_an_honest_one_still_gets_its_own() -> None:
    scene = Scene(subscribers=2)
    greedy, honest = scene.rows
    scene.budget._pool.shared_packets = 0
    for _ in range(200):
        scene.send(50)
        scene.ask(greedy, 200)
        assert scene.ask(honest, 15) == 15
    # Half is its own, and a quarter of what both were sent is shared.
    elapsed_us = scene.now_us - START_US
    most = 200 * 50 * (FAIR_RESENDS_PER_PACKET + 2 * SHARED_RESENDS_PER_PACKET)
    most += FIRST_RESENDS_PACKETS + (SHARED_FLOOR_PACKETS_PER_SECOND + 10) * elapsed_us / SECOND
    assert scene.resent[greedy] <= min(most, 200 * 50 + FIRST_RESENDS_PACKETS + floor_packets(elapsed_us))


def test_all_resends_together_stay_below_three_quarters_of_what_is_sent() -> None:
    scene = Scene(subscribers=20)
    for _ in range(100):
        scene.send(20)
        for row in scene.rows:
            scene.ask_now(row, 256)
        scene.now_us += 100_000
    elapsed_us = scene.now_us - START_US
    saved_up = 20 * FIRST_RESENDS_PACKETS + MAX_SHARED_PACKETS
    floors = 20 * floor_packets(elapsed_us) + SHARED_FLOOR_PACKETS_PER_SECOND * elapsed_us / SECOND
    ratio = FAIR_RESENDS_PER_PACKET + SHARED_RESENDS_PER_PACKET
    assert sum(scene.resent.values()) <= 100 * 20 * 20 * ratio + saved_up + floors
    assert ratio == 0.75


def test_what_is_shared_is_saved_up_to_a_limit() -> None:
    scene = Scene(subscribers=2)
    scene.send(100 * MAX_SHARED_PACKETS, 1)
    scene.ask(0, 1)
    assert scene.budget._pool.shared_packets == MAX_SHARED_PACKETS


def rich(subscribers: int) -> Scene:
    scene = Scene(subscribers)
    scene.send(2 * CAPACITY)
    return scene


def test_a_round_has_room_for_so_many_packets_and_none_more() -> None:
    scene = rich(10)
    scene.now_us += ROUND_US
    assert sum(scene.ask_now(row, 256) for row in scene.rows) == MAX_ROUND_PACKETS
    scene.now_us += ROUND_US - 1
    assert scene.ask_now(9, 1) == 0
    scene.now_us += 1
    assert scene.ask_now(9, 1) == 1


def test_one_subscriber_gets_a_loss_reports_worth_of_a_round() -> None:
    scene = rich(1)
    scene.now_us += ROUND_US
    asked = [scene.ask_now(0, 100) for _ in range(4)]
    assert asked == [100, 100, MAX_RESENDS_PER_REPORT_PACKETS - 200, 0]


def test_half_of_a_round_is_for_those_who_ask_for_no_more_than_is_their_own() -> None:
    scene = rich(10)
    scene.table.rows["fair_credit_packets"][:5] = 0
    scene.table.rows["credited_packets"][:5] = 2 * CAPACITY
    scene.table.rows["resend_credit_packets"][:5] = CAPACITY
    scene.now_us += ROUND_US
    assert sum(scene.ask_now(row, 250) for row in scene.rows[:5]) == MAX_ROUND_PACKETS - FAIR_ROUND_PACKETS
    assert scene.ask_now(5, 250) == 250


def starving_us(scene: Scene, row: int = 0) -> int:
    entry = scene.table.rows[row]
    return max(0, int(entry["refused_us"]) - int(entry["starving_us"]))


def test_who_is_refused_again_and_again_is_known_to_starve_and_since_when() -> None:
    scene = Scene()
    scene.exhaust(0)
    begin_us = scene.now_us
    for _ in range(20):
        scene.now_us += PATIENCE_US - ROUND_US
        scene.ask(0, 256)
    assert scene.now_us - begin_us <= starving_us(scene) <= scene.now_us - begin_us + 2 * ROUND_US


@pytest.mark.parametrize(("pause_us", "starves_us"), [(PATIENCE_US, PATIENCE_US), (PATIENCE_US + 1, 0)])
def test_who_was_refused_nothing_for_a_while_has_recovered(pause_us: int, starves_us: int) -> None:
    scene = Scene()
    scene.ask(0, FIRST_RESENDS_PACKETS)
    scene.ask(0, 100)
    scene.now_us += pause_us - ROUND_US
    scene.ask(0, 200)
    assert starving_us(scene) == starves_us


def test_who_has_to_wait_for_the_next_round_does_not_starve() -> None:
    scene = rich(10)
    for row in islice(cycle(scene.rows), 500):
        scene.ask_now(row, 5)
    assert max(starving_us(scene, row) for row in scene.rows) == 0
    assert sum(scene.resent.values()) == MAX_ROUND_PACKETS
    assert (scene.table.rows["refused_us"][scene.rows] < 0).all()


def test_who_comes_first_in_a_batch_is_served_first() -> None:
    scene = rich(10)
    capacities = np.full(10, CAPACITY)
    granted = scene.budget.grant(np.array(scene.rows[::-1]), np.full(10, 250), capacities, scene.now_us)
    assert granted.tolist() == [250, 250, 250, 250, MAX_ROUND_PACKETS - 1000, 0, 0, 0, 0, 0]


def test_of_the_packets_for_one_subscriber_the_first_are_admitted() -> None:
    scene = Scene(subscribers=2)
    scene.ask(0, FIRST_RESENDS_PACKETS - 2)
    rows = np.array([1, 0, 0, 1, 0, 0])
    admitted = scene.budget.admit(rows, np.full(6, CAPACITY), scene.now_us + ROUND_US)
    assert admitted.tolist() == [True, True, True, True, False, False]


def test_a_batch_is_admitted_in_the_order_of_its_packets_whatever_the_rows_of_those_who_ask() -> None:
    scene = rich(10)
    rows = np.repeat(scene.rows[::-1], 250)
    admitted = scene.budget.admit(rows, np.full(len(rows), CAPACITY), scene.now_us)
    assert np.flatnonzero(admitted).tolist() == list(range(MAX_ROUND_PACKETS))
