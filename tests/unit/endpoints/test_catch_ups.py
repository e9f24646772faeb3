"""Who is behind gets how much of the backlog, and when."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from tests.support.fanout_tables import payload, subscribe

from headrace.endpoints.catch_ups import (
    FIRST_PIECE_US,
    FIRST_WINDOW_PACKETS,
    MAX_ROUND_PACKETS,
    MIN_WINDOW_PACKETS,
    PATIENCE_US,
    PIECE_INTERVAL_US,
    PIECE_PACKETS,
    ROUND_INTERVAL_US,
    WINDOW_GROWTH,
    CatchUps,
)
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel

START_US = 1_000_000
FIRST_US = START_US + FIRST_PIECE_US


class Scene:
    """Channels with a backlog, and what is sent of it.

    Attributes:
        sent: Channel packets by row, in the order in which they left.
        rounds: Packets of each round.
    """

    def __init__(self, packets: int = 300, *, missing: range = range(0)) -> None:
        self.table = SubscriberTable()
        self.channel = Channel("A", self.table)
        self.catch_ups = CatchUps(self.table)
        self.sent: dict[int, list[int]] = {}
        self.rounds: list[int] = []
        for index in range(packets):
            if index not in missing:
                self.channel.ring.put(index, payload(index), 0)

    def come(self, packets: int, channel: Channel | None = None) -> None:
        """Put new packets into the channel."""
        ring = (channel or self.channel).ring
        for index in range(ring.next_index, ring.next_index + packets):
            ring.put(index, payload(index), 0)

    def join(self, start: int = 0, now_us: int = START_US, channel: Channel | None = None) -> int:
        row = subscribe(self.table, self.table.count, next_index=start)
        self.catch_ups.add(row, channel or self.channel, now_us)
        self.sent[row] = []
        return row

    def acknowledge(self, *rows: int) -> None:
        """Acknowledge everything that was sent."""
        for row in rows or self.sent:
            self.table.rows["acked_index"][row] = self.table.rows["next_index"][row]

    def turn(self, now_us: int) -> dict[int, int]:
        """Play one round; return how many packets each row got, in order."""
        got: dict[int, int] = {}
        for channel, burst, is_last in self.catch_ups.pop_pieces(now_us):
            if burst is None:
                continue
            assert burst.headers.shape == (len(burst.columns.rows), len(burst.slots), 16)
            for row in burst.columns.rows.tolist():
                self.sent[row] += channel.ring.indices[burst.slots].tolist()
                got[row] = len(burst.slots)
                assert is_last == (row not in channel.subscribers.behind_rows)
        self.rounds.append(sum(got.values()))
        return got

    def times(self, end_us: int) -> Iterator[int]:
        """Yield when rounds are due, until ``end_us``."""
        while (due_us := self.catch_ups.poll_timer()) is not None and due_us <= end_us:
            yield due_us


def test_nobody_is_behind_at_first() -> None:
    scene = Scene()
    assert len(scene.catch_ups) == 0
    assert scene.catch_ups.poll_timer() is None
    assert scene.catch_ups.pop_pieces(START_US) == []


def test_the_first_piece_leaves_after_the_answer_to_the_handshake() -> None:
    scene = Scene()
    row = scene.join(7)
    assert scene.catch_ups.poll_timer() == FIRST_US
    assert scene.turn(FIRST_US - 1) == {}
    assert scene.turn(FIRST_US) == {row: PIECE_PACKETS}
    assert scene.sent[row] == list(range(7, 7 + PIECE_PACKETS))
    assert scene.table.rows["next_index"][row] == 7 + PIECE_PACKETS


def test_who_acknowledges_gets_a_piece_each_interval_until_it_has_caught_up() -> None:
    scene = Scene(300)
    row = scene.join(7)
    times = []
    for now_us in scene.times(START_US + 1_000_000):
        times.append(now_us)
        scene.turn(now_us)
        scene.acknowledge()
    assert times == [FIRST_US + number * PIECE_INTERVAL_US for number in range(5)]
    assert scene.sent[row] == list(range(7, 300))
    assert scene.channel.subscribers.columns.rows.tolist() == [row]
    assert len(scene.catch_ups) == 0


def test_what_comes_meanwhile_is_part_of_the_backlog() -> None:
    scene = Scene(100)
    row = scene.join()
    scene.turn(FIRST_US)
    scene.acknowledge()
    scene.come(20)
    scene.turn(FIRST_US + PIECE_INTERVAL_US)
    assert scene.sent[row] == list(range(120))
    assert len(scene.channel.subscribers.behind_rows) == 0


def test_who_acknowledges_nothing_gets_a_window_and_then_a_piece_now_and_then() -> None:
    scene = Scene(1000)
    row = scene.join()
    times = [now_us for now_us in scene.times(START_US + 1_000_000) if scene.turn(now_us)]
    assert scene.sent[row] == list(range(PIECE_PACKETS * len(times)))
    assert FIRST_WINDOW_PACKETS == PIECE_PACKETS
    waits_us = [after - before for before, after in pairwise(times)]
    assert len(waits_us) == 4
    assert all(PATIENCE_US <= wait_us < PATIENCE_US + PIECE_INTERVAL_US for wait_us in waits_us)


def test_acknowledgements_open_the_window_and_make_it_slowly_wider() -> None:
    scene = Scene(2000)
    row = scene.join()
    now_us = FIRST_US
    scene.turn(now_us)
    for acknowledged, more in ((WINDOW_GROWTH - 1, WINDOW_GROWTH - 1), (WINDOW_GROWTH, 2), (40, 36), (41, 1)):
        scene.table.rows["acked_index"][row] = acknowledged
        now_us += PIECE_INTERVAL_US
        assert scene.turn(now_us) == {row: more}


def test_a_loss_report_halves_the_window_down_to_a_least_one() -> None:
    scene = Scene(2000)
    row = scene.join()
    now_us = FIRST_US
    scene.turn(now_us)
    sizes = []
    for naks in range(1, 5):
        scene.table.rows["naks_packets"][row] = naks
        scene.acknowledge()
        now_us += PIECE_INTERVAL_US
        sizes.append(scene.turn(now_us)[row])
    assert sizes == [32, 16, 16, 16]
    assert sizes[-1] == MIN_WINDOW_PACKETS


def test_nobody_gets_more_than_its_buffer_takes() -> None:
    scene = Scene(1000)
    row = scene.join()
    scene.table.rows["available_packets"][row] = 10
    assert scene.turn(FIRST_US) == {row: 10}
    scene.table.rows["acked_index"][row] = 4
    assert scene.turn(FIRST_US + PIECE_INTERVAL_US) == {row: 4}


@pytest.mark.parametrize("came", [1, 40, 300])
def test_a_piece_is_at_least_twice_of_what_came_so_that_everybody_catches_up(came: int) -> None:
    scene = Scene(1000)
    row = scene.join()
    scene.turn(FIRST_US)
    now_us, turns = FIRST_US, 0
    while len(scene.catch_ups):
        scene.come(came)
        now_us += PIECE_INTERVAL_US
        scene.turn(now_us)
        turns += 1
        assert turns <= 1000 // came + 1
    assert scene.sent[row] == list(range(scene.channel.ring.next_index))


def test_what_is_sent_is_stamped_as_of_now_also_when_it_is_sent_again_later() -> None:
    scene = Scene()
    row = scene.join()
    (piece,) = scene.catch_ups.pop_pieces(FIRST_US)
    assert piece.burst is not None
    assert {int.from_bytes(header[8:12].tobytes(), "big") for header in piece.burst.headers[0]} == {FIRST_US}
    assert scene.table.rows["earliest_us"][row] == FIRST_US


def test_what_has_not_come_is_left_out() -> None:
    scene = Scene(100, missing=range(10, 20))
    row = scene.join()
    for now_us in scene.times(START_US + 100_000):
        scene.turn(now_us)
        scene.acknowledge()
    assert scene.sent[row] == [*range(10), *range(20, 100)]


def test_where_nothing_of_a_piece_is_there_the_next_one_follows() -> None:
    scene = Scene(200, missing=range(PIECE_PACKETS))
    row = scene.join()
    assert scene.turn(FIRST_US) == {}
    scene.acknowledge()
    assert scene.turn(FIRST_US + PIECE_INTERVAL_US) == {row: PIECE_PACKETS}
    assert scene.sent[row] == list(range(PIECE_PACKETS, 2 * PIECE_PACKETS))


def test_who_is_at_the_same_place_shares_a_burst() -> None:
    scene = Scene()
    rows = [scene.join(5), scene.join(5), scene.join(6)]
    pieces = scene.catch_ups.pop_pieces(FIRST_US)
    assert [piece.burst.columns.rows.tolist() for piece in pieces if piece.burst] == [rows[:2], rows[2:]]


def test_each_channel_has_its_own_backlog() -> None:
    scene = Scene(30)
    other = Channel("B", scene.table)
    scene.come(50, other)
    rows = scene.join(10), scene.join(10, channel=other)
    scene.turn(FIRST_US)
    assert [scene.sent[row] for row in rows] == [list(range(10, 30)), list(range(10, 50))]
    assert scene.channel.subscribers.columns.rows.tolist() == [rows[0]]
    assert other.subscribers.columns.rows.tolist() == [rows[1]]


def test_who_is_gone_gets_nothing_more() -> None:
    scene = Scene()
    rows = scene.join(), scene.join(), scene.join()
    scene.catch_ups.discard(rows[0])
    scene.turn(FIRST_US)
    scene.acknowledge()
    scene.catch_ups.discard(rows[1])
    scene.catch_ups.discard(rows[1])
    scene.turn(FIRST_US + PIECE_INTERVAL_US)
    assert [len(scene.sent[row]) for row in rows] == [0, PIECE_PACKETS, 2 * PIECE_PACKETS]
    scene.catch_ups.discard(rows[2])
    assert scene.catch_ups.poll_timer() is None
    assert len(scene.catch_ups) == 0


def test_who_comes_later_does_not_wait_for_the_others_interval() -> None:
    scene = Scene()
    scene.join()
    scene.turn(FIRST_US)
    scene.acknowledge()
    late = scene.join(now_us=FIRST_US)
    assert scene.catch_ups.poll_timer() == FIRST_US + FIRST_PIECE_US
    assert scene.turn(FIRST_US + FIRST_PIECE_US) == {late: PIECE_PACKETS}


def test_a_round_is_bounded_and_the_rest_follows_soon_first_pieces_first() -> None:
    scene = Scene(400)
    rows = [scene.join(number % 7) for number in range(100)]
    now_us = FIRST_US
    while not all(scene.sent.values()):
        scene.turn(now_us)
        scene.acknowledge()
        assert scene.catch_ups.poll_timer() == now_us + ROUND_INTERVAL_US
        now_us += ROUND_INTERVAL_US
        if not all(scene.sent.values()):
            assert {len(sent) for sent in scene.sent.values()} == {0, PIECE_PACKETS}
    assert len(scene.sent) == len(rows)
    assert set(scene.rounds) <= set(range(MAX_ROUND_PACKETS // 2, MAX_ROUND_PACKETS + PIECE_PACKETS))


def test_a_thousand_at_once_all_catch_up_those_who_came_first_at_first() -> None:
    scene = Scene(480)
    rows = [scene.join() for _ in range(1000)]
    done: dict[int, int] = {}
    for now_us in scene.times(START_US + 3_000_000):
        scene.turn(now_us)
        scene.acknowledge()
        scene.come(1)
        behind = set(scene.channel.subscribers.behind_rows.tolist())
        done |= {row: now_us for row in rows if row not in behind and row not in done}
    assert len(done) == 1000
    assert max(done[row] for row in rows[:100]) < min(done[row] for row in rows[-100:])
    assert max(scene.rounds) <= MAX_ROUND_PACKETS + PIECE_PACKETS
    assert all(scene.sent[row] == list(range(len(scene.sent[row]))) for row in rows)


def test_the_backlog_stays_for_those_who_catch_up_when_the_next_keyframe_comes() -> None:
    scene = Scene(256)
    scene.join(now_us=9_000_000)
    scene.channel.ring.backlog_index = 256
    scene.channel.ring.put(256, payload(256), 9_000_000)
    assert scene.channel.ring.capacity_packets == 512


def test_all_of_a_channel_can_be_made_to_catch_up_with_a_backlog_that_came_at_once() -> None:
    scene = Scene(10)
    rows = [subscribe(scene.table, number, next_index=10) for number in range(3)]
    for row in rows:
        scene.channel.subscribers.add(row)
        scene.sent[row] = []
    scene.come(100)
    scene.catch_ups.add_all(scene.channel, START_US)
    assert scene.channel.subscribers.behind_rows.tolist() == rows
    (piece,) = scene.catch_ups.pop_pieces(FIRST_US)
    assert piece.burst is not None
    assert piece.burst.columns.rows.tolist() == rows
    assert len(piece.burst.slots) == FIRST_WINDOW_PACKETS
    assert scene.table.rows["next_index"][rows].tolist() == [10 + FIRST_WINDOW_PACKETS] * 3


def test_a_channel_without_subscribers_makes_nobody_catch_up() -> None:
    scene = Scene(10)
    scene.catch_ups.add_all(scene.channel, START_US)
    assert scene.catch_ups.poll_timer() is None
