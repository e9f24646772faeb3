"""Another port of the same host: noted, believed after a silence, forgotten."""

from headrace.base.sockaddr import encode_sockaddr
from headrace.srt.rebinding import REBIND_SILENCE_US, Rebindings, is_same_host

HERE, THERE = encode_sockaddr("10.0.0.1", 5000), encode_sockaddr("10.0.0.1", 5001)


def test_a_port_is_believed_once_the_known_one_has_been_silent_for_long_enough() -> None:
    rebindings = Rebindings()
    assert not rebindings.handle_proven(1, HERE, 1_000)
    assert not rebindings.handle_proven(1, HERE, 1_000 + REBIND_SILENCE_US - 1)
    assert rebindings.handle_proven(1, HERE, 1_000 + REBIND_SILENCE_US)


def test_a_word_from_the_known_port_begins_the_wait_anew() -> None:
    rebindings = Rebindings()
    rebindings.handle_proven(1, HERE, 0)
    rebindings.forget(1)
    rebindings.forget(1)
    assert not rebindings
    assert not rebindings.handle_proven(1, HERE, REBIND_SILENCE_US)
    assert rebindings.handle_proven(1, HERE, 2 * REBIND_SILENCE_US)


def test_a_third_port_begins_the_wait_anew() -> None:
    rebindings = Rebindings()
    rebindings.handle_proven(1, HERE, 0)
    assert not rebindings.handle_proven(1, THERE, REBIND_SILENCE_US)
    assert not rebindings.handle_proven(1, HERE, REBIND_SILENCE_US + 1)


def test_connections_are_told_apart() -> None:
    rebindings = Rebindings()
    rebindings.handle_proven(1, HERE, 0)
    assert not rebindings.handle_proven(2, HERE, REBIND_SILENCE_US)
    assert len(rebindings) == 2


def test_a_host_is_its_address_without_the_port() -> None:
    assert is_same_host(HERE, THERE)
    assert not is_same_host(HERE, encode_sockaddr("10.0.0.2", 5000))
    assert is_same_host(encode_sockaddr("2001:db8::1", 1), encode_sockaddr("2001:db8::1", 2))
    assert not is_same_host(encode_sockaddr("2001:db8::1", 1), encode_sockaddr("2001:db8::2", 1))
