"""Hosts that did not answer are remembered for a time, and not more of them than there is room for."""

import pytest

from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.deaf_hosts import DEAF_US, MAX_DEAF_HOSTS, DeafHosts


def of_number(number: int, port: int = 5000) -> bytes:
    return encode_sockaddr(f"10.1.{number >> 8}.{number & 0xFF}", port)


def test_a_host_is_deaf_for_its_time_whatever_the_port() -> None:
    hosts = DeafHosts()
    assert not hosts.is_deaf(of_number(1), 0)
    hosts.note(of_number(1), 100)
    assert hosts.is_deaf(of_number(1, 6000), 99 + DEAF_US)
    assert not hosts.is_deaf(of_number(1), 100 + DEAF_US)
    assert not hosts.is_deaf(of_number(2), 100)


@pytest.mark.parametrize(("more", "is_first_known"), [(0, True), (1, False)])
def test_of_more_hosts_than_there_is_room_for_the_first_is_forgotten(more: int, is_first_known: bool) -> None:
    hosts = DeafHosts()
    for number in range(MAX_DEAF_HOSTS + more):
        hosts.note(of_number(number), 0)
    assert hosts.is_deaf(of_number(0), 1) is is_first_known
    assert hosts.is_deaf(of_number(1), 1)


def test_who_was_deaf_again_is_not_the_next_to_be_forgotten() -> None:
    hosts = DeafHosts()
    for number in (*range(MAX_DEAF_HOSTS), 0, MAX_DEAF_HOSTS):
        hosts.note(of_number(number), 0)
    assert hosts.is_deaf(of_number(0), 1)
    assert not hosts.is_deaf(of_number(1), 1)
