"""The scenario of encryption, in small."""

from contextlib import ExitStack, closing

import pytest

from headrace.bench.scenario import Plan
from headrace.bench.scenarios import encryption
from headrace.bench.scenarios.encryption import EncryptedSender, Way, measure_encryption
from headrace.bench.scenarios.send_path import RING_PACKETS, open_sinks


@pytest.mark.parametrize("way", Way)
def test_every_way_sends_the_whole_ring_to_all_and_seals_it_anew_each_time(way: Way) -> None:
    with ExitStack() as stack:
        targets = open_sinks(stack, 3)
        sender = stack.enter_context(closing(EncryptedSender(targets, way)))
        assert [sender.send_all(), sender.send_all()] == [3 * RING_PACKETS] * 2
        seals = list(sender.outlet.shared.values())
    assert [seal.sealed_packets for seal in seals] == ([2 * RING_PACKETS] if way is Way.SHARED else [])
    assert len(sender.outlet.keys) == (3 if way in {Way.OWN_128, Way.OWN_256} else 0)


def test_each_run_stands_beside_the_clear_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "QUICK_TURN_SECONDS", 0.01)
    monkeypatch.setattr(encryption, "COUNTS", (2, 3))
    said: list[str] = []
    finding = measure_encryption(Plan(runs=2, is_quick=True), said.append)
    assert [len(figure.values) for figure in finding.figures] == [2] * 6
    assert all(figure.baseline and figure.ratio for figure in finding.figures)
    assert [figure.goal is not None for figure in finding.figures] == [False] * 5 + [True]
    assert [series.x for series in finding.series] == [(2.0, 3.0)] * 4
    assert said == ["2 subscribers", "3 subscribers"]
