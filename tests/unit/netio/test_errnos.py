"""Error numbers and what they mean for a socket."""

import errno

import pytest

from headrace.netio.errnos import FROM_THE_NETWORK, NO_ROOM, SEGMENTS_REFUSED


def test_an_error_of_the_network_is_not_taken_for_a_full_buffer() -> None:
    assert not NO_ROOM & FROM_THE_NETWORK
    assert not NO_ROOM & SEGMENTS_REFUSED


ICMP_OF_LINUX = (
    *("EACCES", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EMSGSIZE"),
    *("ENETUNREACH", "ENONET", "ENOPROTOOPT", "EOPNOTSUPP", "EPROTO"),
)
"""Its ``icmp_err_convert`` and ``icmpv6_err_convert``; other systems have not all of these."""


@pytest.mark.parametrize("name", ICMP_OF_LINUX)
def test_whatever_linux_makes_of_an_icmp_message_is_of_the_network(name: str) -> None:
    assert getattr(errno, name, errno.ECONNREFUSED) in FROM_THE_NETWORK


def test_a_closed_descriptor_is_nobody_elses_fault() -> None:
    assert errno.EBADF not in NO_ROOM | FROM_THE_NETWORK | SEGMENTS_REFUSED
