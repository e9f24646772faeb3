"""The C programs: compiled, relaying, flooding, or skipped with a reason."""

import os
import shutil
import socket
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.support.ports import free_udp_port
from tests.support.programs import find_program

from headrace.bench.c_programs import (
    READY,
    SEGMENTED_BURSTS,
    SENDTO_LOOP,
    Targets,
    c_program,
    flood,
    relay_command,
)
from headrace.bench.scenario import ScenarioSkipped

FIRST_ADDRESS = IPv4Address("127.78.0.1")
HEADER = bytes(range(16))


@pytest.mark.parametrize("name", [SENDTO_LOOP, SEGMENTED_BURSTS])
def test_a_relay_sends_each_datagram_to_each_address_in_order(name: str) -> None:
    find_program("cc")
    first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with first, second, c_program(name) as program:
        first.bind((str(FIRST_ADDRESS), 0))
        second.bind((str(FIRST_ADDRESS + 1), first.getsockname()[1]))
        port = free_udp_port()
        command = relay_command(program, port, Targets(FIRST_ADDRESS, 2, first.getsockname()[1]))
        relay = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline() == READY
            payloads = [bytes([65 + number]) * length for number, length in enumerate((1316, 1316, 700, 1316, 0))]
            for payload in payloads:
                first.sendto(HEADER + payload, ("127.0.0.1", port))
            for sink in (first, second):
                sink.settimeout(20)
                received = [sink.recv(2048) for _ in payloads]
                assert [datagram[16:] for datagram in received] == payloads
                assert {datagram[:12] for datagram in received} == {HEADER[:12]}
        finally:
            relay.kill()
            relay.communicate()


@pytest.mark.parametrize("name", [SENDTO_LOOP, SEGMENTED_BURSTS])
def test_a_flood_says_what_it_took(name: str) -> None:
    find_program("cc")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, c_program(name) as program:
        sink.bind((str(FIRST_ADDRESS), 0))
        done = flood(program, Targets(FIRST_ADDRESS, 1, sink.getsockname()[1]), packets=8, seconds=0.5)
        assert len(sink.recv(2048)) == 1332
    assert done.datagrams > 8
    assert done.seconds >= 0.5
    assert 0 < done.processor_seconds < 20


def test_the_folder_of_a_program_is_removed() -> None:
    find_program("cc")
    with c_program(SENDTO_LOOP) as program:
        assert os.access(program, os.X_OK)
    assert not program.parent.exists()


def test_without_a_compiler_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ScenarioSkipped, match="install gcc or clang"), c_program(SENDTO_LOOP):
        pass


def test_a_compiler_that_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = tmp_path / "cc"
    refusing.write_text("#!/bin/sh\necho no such header >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ScenarioSkipped, match="no such header"), c_program(SENDTO_LOOP):
        pass
