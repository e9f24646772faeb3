"""Who is dropped, why, and who is not yet."""

import pytest
from tests.support.fanout_tables import subscribe

from headrace.endpoints.lost_causes import (
    ACKNOWLEDGES_NOTHING,
    BEYOND_RECOVERY,
    LOOK_INTERVAL_US,
    MAX_LOOKS_IN_VAIN,
    MAX_STARVING_US,
    TIMEOUT,
    LostCauses,
)
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.srt.connection import DEFAULT_PEER_TIMEOUT_US

START_US = 7_000_000


class Scene:
    def __init__(self, subscribers: int = 1) -> None:
        self.table = SubscriberTable()
        self.causes = LostCauses(self.table)
        for number in range(subscribers):
            subscribe(self.table, number)
        self.now_us = START_US
        self.hear()

    def hear(self) -> None:
        self.table.rows["heard_us"] = self.now_us

    def send(self, packets: int = 1) -> None:
        self.table.rows["sent_packets"] += packets
        self.table.rows["next_index"] += packets

    def look(self) -> dict[str, list[int]]:
        """Return who is to be dropped by reason, a second after the last look."""
        self.now_us += LOOK_INTERVAL_US
        self.hear()
        return self.found()

    def found(self) -> dict[str, list[int]]:
        found = self.causes.find(self.now_us)
        return {reason: rows.tolist() for reason, rows in found.items() if len(rows)}


def test_silence_is_a_reason_at_its_limit_and_not_before() -> None:
    scene = Scene(2)
    scene.table.rows["heard_us"][1] += 1
    scene.now_us += DEFAULT_PEER_TIMEOUT_US
    assert scene.found() == {TIMEOUT: [0]}


def test_so_many_looks_in_vain_are_a_reason_and_one_fewer_are_not() -> None:
    scene = Scene()
    for _ in range(MAX_LOOKS_IN_VAIN - 1):
        scene.send()
        assert scene.look() == {}
    scene.send()
    assert scene.look() == {ACKNOWLEDGES_NOTHING: [0]}


def test_between_two_looks_nothing_is_counted() -> None:
    scene = Scene()
    for _ in range(10 * MAX_LOOKS_IN_VAIN):
        scene.send()
        scene.now_us += LOOK_INTERVAL_US // 100
        assert scene.found() == {}


def test_any_progress_begins_the_count_anew() -> None:
    scene = Scene()
    for _ in range(3 * MAX_LOOKS_IN_VAIN):
        for _ in range(MAX_LOOKS_IN_VAIN - 1):
            scene.send(10)
            assert scene.look() == {}
        scene.table.rows["acked_index"] += 1
        assert scene.look() == {}


@pytest.mark.parametrize("outstanding", [0, 1])
def test_a_paused_channel_never_counts(outstanding: int) -> None:
    scene = Scene()
    scene.send(10)
    scene.table.rows["acked_index"] = 10 - outstanding
    for _ in range(10 * MAX_LOOKS_IN_VAIN):
        assert scene.look() == {}


def test_who_has_acknowledged_everything_is_not_mute_though_more_was_sent_since_the_last_look() -> None:
    scene = Scene()
    for _ in range(2 * MAX_LOOKS_IN_VAIN):
        scene.send()
        scene.table.rows["acked_index"] = scene.table.rows["next_index"]
        assert scene.look() == {}


@pytest.mark.parametrize(
    ("starving_us", "found"), [(MAX_STARVING_US - 1, {}), (MAX_STARVING_US, {BEYOND_RECOVERY: [0]})]
)
def test_who_has_starved_for_long_is_beyond_recovery(starving_us: int, found: dict[str, list[int]]) -> None:
    scene = Scene()
    scene.table.rows["starving_us"] = scene.now_us
    scene.table.rows["refused_us"] = scene.now_us + starving_us
    assert scene.found() == found


def test_nobody_is_named_under_two_reasons() -> None:
    scene = Scene(3)
    scene.table.rows["looks_in_vain"] = MAX_LOOKS_IN_VAIN
    scene.table.rows["refused_us"] = scene.now_us + MAX_STARVING_US
    scene.table.rows["starving_us"] = scene.now_us
    scene.table.rows["looks_in_vain"][2] = 0
    scene.table.rows["heard_us"][0] -= DEFAULT_PEER_TIMEOUT_US
    assert scene.found() == {TIMEOUT: [0], ACKNOWLEDGES_NOTHING: [1], BEYOND_RECOVERY: [2]}
