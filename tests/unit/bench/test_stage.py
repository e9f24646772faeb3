import gc
import os
import socket
from itertools import count

import pytest

from headrace.bench import stage as stage_module
from headrace.bench.stage import free_port, stage


def test_a_stage_has_a_core_beside_the_load_s_and_a_folder_and_leaves_nothing_behind() -> None:
    usual = os.sched_getaffinity(0)
    with stage() as on:
        assert on.core == min(usual)
        assert os.sched_getaffinity(0) == {max(usual)}
        assert not gc.isenabled()
        assert on.folder.is_dir()
    assert not on.folder.exists()
    assert os.sched_getaffinity(0) == usual
    assert gc.isenabled()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_free_port_can_be_taken_is_none_of_a_caller_s_and_does_not_come_back_soon(
    kind: socket.SocketKind,
) -> None:
    found = [free_port(kind) for _ in range(100)]
    assert len(set(found)) == len(found)
    assert 30_000 <= min(found) <= max(found) < 32_768
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", found[-1]))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_is_taken_is_left_out(monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", taken := free_port(kind)))
        monkeypatch.setattr(stage_module, "_turn", count(taken - stage_module.FIRST_PORT))
        assert free_port(kind) > taken
        monkeypatch.setattr(stage_module, "PORTS", 1)
        monkeypatch.setattr(stage_module, "FIRST_PORT", taken)
        with pytest.raises(OSError, match="is free"):
            free_port(kind)
