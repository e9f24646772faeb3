"""The scenario of the send path, in small."""

import socket
from contextlib import ExitStack, closing

import pytest
from tests.support.programs import fail_or_skip, find_program

from headrace.bench.scenario import Plan, ScenarioSkipped
from headrace.bench.scenarios import send_path
from headrace.bench.scenarios.send_path import (
    PACKETS,
    RING_PACKETS,
    OwnSender,
    flood_for,
    measure_send_path,
    open_sinks,
)
from headrace.netio.capabilities import PORTABLE, probe_capabilities


def test_a_flood_that_a_busy_machine_lets_begin_late_sends_once_at_least() -> None:
    assert flood_for(0.0, lambda: 3).datagrams == 3


def test_our_sender_sends_the_whole_ring_to_all() -> None:
    with ExitStack() as stack:
        targets = open_sinks(stack, 3)
        sender = stack.enter_context(closing(OwnSender(targets, PACKETS, probe_capabilities())))
        assert sender.send_all() == 3 * RING_PACKETS
        done = sender.flood(0.01)
    assert done.datagrams >= 3 * RING_PACKETS
    assert done.seconds >= 0.01


@pytest.mark.long
def test_each_run_has_its_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    find_program("cc")
    if not probe_capabilities().udp_segment:
        fail_or_skip("this kernel does not send with UDP_SEGMENT")
    monkeypatch.setattr(send_path, "QUICK_TURN_SECONDS", 0.01)
    monkeypatch.setattr(send_path, "QUICK_COUNTS", (2, 3))
    said: list[str] = []
    finding = measure_send_path(Plan(runs=2, is_quick=True), said.append)
    assert [len(figure.values) for figure in finding.figures] == [2, 2, 2]
    assert all(figure.baseline and figure.ratio for figure in finding.figures)
    assert [series.x for series in finding.series] == [(2.0, 3.0)] * 2
    assert said


def test_a_kernel_without_segmentation_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_path, "probe_capabilities", lambda: PORTABLE)
    with pytest.raises(ScenarioSkipped, match="UDP_SEGMENT"):
        measure_send_path(Plan(), print)


def test_a_system_without_such_addresses_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise OSError("cannot assign requested address")

    class Refusing(socket.socket):
        bind = refuse

    monkeypatch.setattr(socket, "socket", Refusing)
    with ExitStack() as stack, pytest.raises(ScenarioSkipped, match="cannot assign"):
        open_sinks(stack, 1)
