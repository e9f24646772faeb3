"""Error numbers and what they mean for a socket."""

import errno

from headrace.netio.errnos import FROM_THE_NETWORK, NO_ROOM, SEGMENTS_REFUSED


def test_an_error_of_the_network_is_not_taken_for_a_full_buffer() -> None:
    assert not NO_ROOM & FROM_THE_NETWORK
    assert not NO_ROOM & SEGMENTS_REFUSED


def test_a_closed_descriptor_is_nobody_elses_fault() -> None:
    assert errno.EBADF not in NO_ROOM | FROM_THE_NETWORK | SEGMENTS_REFUSED
