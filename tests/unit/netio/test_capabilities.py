"""Finding out what the machine's sockets can do."""

import ctypes
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from headrace.netio import capabilities, libc
from headrace.netio.capabilities import GSO, PORTABLE, SENDMMSG, Capabilities, probe_capabilities


@pytest.fixture(autouse=True)
def no_memory_between_tests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("HEADRACE_NETIO", raising=False)
    capabilities._probe_machine.cache_clear()
    yield
    capabilities._probe_machine.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the fast calls")
def test_linux_has_the_fast_calls() -> None:
    found = probe_capabilities()
    assert found.recvmmsg
    assert found.sendmmsg


def test_the_variable_limits_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = probe_capabilities()
    monkeypatch.setenv("HEADRACE_NETIO", "portable")
    assert probe_capabilities() == PORTABLE
    monkeypatch.setenv("HEADRACE_NETIO", "sendmmsg")
    assert probe_capabilities() == replace(machine, udp_segment=False)
    monkeypatch.setenv("HEADRACE_NETIO", "gso")
    assert probe_capabilities() == machine


def test_an_unknown_value_is_refused_with_the_list_of_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_NETIO", "fast")
    with pytest.raises(ValueError, match="HEADRACE_NETIO is 'fast': use one of portable, sendmmsg, gso"):
        probe_capabilities()


def test_a_machine_without_the_calls_is_portable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "load_sendmmsg", lambda: None)
    monkeypatch.setattr(capabilities, "load_recvmmsg", lambda: None)
    assert probe_capabilities() == PORTABLE


def test_calls_that_a_container_forbids_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "load_sendmmsg", lambda: lambda *_: -1)
    monkeypatch.setattr(capabilities, "load_recvmmsg", lambda: lambda *_: -38)
    assert probe_capabilities() == PORTABLE


@pytest.mark.skipif(sys.platform != "linux", reason="sendmmsg is Linux's")
def test_a_kernel_that_refuses_segments_keeps_sendmmsg(monkeypatch: pytest.MonkeyPatch) -> None:
    real = libc.load_sendmmsg()
    assert real is not None

    def refuse_segments(descriptor: int, messages_address: int, count: int) -> int:
        control = int.from_bytes(ctypes.string_at(messages_address + 8 * libc.CONTROL, 8), "little")
        return -22 if control else real(descriptor, messages_address, count)

    monkeypatch.setattr(capabilities, "load_sendmmsg", lambda: refuse_segments)
    assert not probe_capabilities().udp_segment
    assert probe_capabilities().sendmmsg


@pytest.mark.parametrize(
    ("which", "line"),
    [
        (
            PORTABLE,
            "sends with one sendmsg a datagram, receives with one recvmsg a datagram, "
            "producers through the common socket",
        ),
        (
            SENDMMSG,
            "sends with sendmmsg, receives with recvmmsg, producers each through a socket of its own",
        ),
        (
            GSO,
            "sends with sendmmsg with UDP_SEGMENT, receives with recvmmsg, "
            "producers each through a socket of its own",
        ),
    ],
)
def test_capabilities_describe_themselves_for_a_log(which: Capabilities, line: str) -> None:
    assert which.describe() == line


@pytest.mark.skipif(sys.platform != "linux", reason="the score of a socket is Linux's")
def test_linux_separates_peers() -> None:
    assert probe_capabilities().peer_sockets


def test_a_system_that_gives_a_peers_datagrams_to_the_common_socket_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unconnected(shared: socket.socket, peer: object) -> socket.socket:
        return socket.socket(shared.family, socket.SOCK_DGRAM)

    monkeypatch.setattr(capabilities, "open_peer_socket", unconnected)
    assert not probe_capabilities().peer_sockets
