"""The scenario of producer and client, in small."""

import sys

import pytest

from headrace.bench.loopback_port import LoadError
from headrace.bench.scenario import Plan, ScenarioSkipped
from headrace.bench.scenarios import client_side
from headrace.bench.scenarios.client_side import measure_client_side


@pytest.mark.skipif(sys.platform != "linux", reason="proc(5)")
def test_producer_and_client_are_measured_while_the_channel_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_side, "BITS_PER_SECOND", 2_000_000)
    monkeypatch.setattr(client_side, "SPARE_SECONDS", 30.0)
    produce, client = measure_client_side(Plan(runs=2, is_quick=True), lambda line: None).figures
    assert all(0 < value < 2 for value in (*produce.values, *client.values))
    assert len(produce.values) == len(client.values) == 2
    assert not any("decoding" in note for note in client.notes)


def test_a_channel_that_does_not_flow_is_an_error_not_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_side, "BITS_PER_SECOND", 300_000)
    monkeypatch.setattr(client_side, "START_LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(client_side, "SPARE_SECONDS", 1.0)
    with pytest.raises(LoadError, match="did not flow"):
        measure_client_side(Plan(runs=1, is_quick=True), lambda line: None)


def test_elsewhere_it_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ScenarioSkipped, match="Linux"):
        measure_client_side(Plan(), print)
