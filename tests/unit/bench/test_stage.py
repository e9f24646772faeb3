import gc
import os
import socket

import pytest

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
def test_a_free_port_can_be_taken(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", free_port(kind)))
