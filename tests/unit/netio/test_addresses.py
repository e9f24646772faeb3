"""Names and foreign addresses become what a socket can send to."""

import errno
import socket

import pytest

from headrace.base.sockaddr import decode_sockaddr, encode_sockaddr
from headrace.netio.addresses import (
    decode_socket_address,
    encode_socket_address,
    normalise_address,
    resolve_address,
)


def test_an_ipv4_peer_is_mapped_for_an_ipv6_socket() -> None:
    mapped = normalise_address(encode_sockaddr("192.0.2.7", 9000), socket.AF_INET6)
    assert mapped == encode_sockaddr("::ffff:192.0.2.7", 9000)


def test_a_mapped_peer_becomes_plain_for_an_ipv4_socket() -> None:
    plain = normalise_address(encode_sockaddr("::ffff:192.0.2.7", 9000), socket.AF_INET)
    assert plain == encode_sockaddr("192.0.2.7", 9000)


@pytest.mark.parametrize(
    ("host", "family"),
    [("192.0.2.7", socket.AF_INET), ("2001:db8::1", socket.AF_INET6), ("::ffff:192.0.2.7", socket.AF_INET6)],
)
def test_an_address_that_fits_is_left_alone(host: str, family: socket.AddressFamily) -> None:
    address = encode_sockaddr(host, 9000)
    assert normalise_address(address, family) == address


def test_an_ipv6_peer_is_out_of_reach_of_an_ipv4_socket() -> None:
    with pytest.raises(OSError, match="2001:db8::1 from an IPv4 socket") as caught:
        normalise_address(encode_sockaddr("2001:db8::1", 9000), socket.AF_INET)
    assert caught.value.errno == errno.EAFNOSUPPORT


def test_a_number_resolves_to_itself() -> None:
    assert resolve_address("192.0.2.7", 9000, socket.AF_INET) == encode_sockaddr("192.0.2.7", 9000)
    assert resolve_address("192.0.2.7", 9000, socket.AF_INET6) == encode_sockaddr("::ffff:192.0.2.7", 9000)
    assert resolve_address("2001:db8::1", 9000, socket.AF_INET6) == encode_sockaddr("2001:db8::1", 9000)


def test_a_name_resolves_to_an_address_of_the_sockets_family() -> None:
    host, port, _ = decode_sockaddr(resolve_address("localhost", 9000, socket.AF_INET))
    assert (host, port) == ("127.0.0.1", 9000)


def test_a_number_of_the_other_family_or_no_name_is_an_os_error() -> None:
    for host in ("::1", "no name at all"):
        with pytest.raises(OSError):  # noqa: PT011 - the words are the system's
            resolve_address(host, 9000, socket.AF_INET)


def test_a_link_local_address_keeps_its_scope() -> None:
    assert encode_socket_address(("fe80::1%lo", 9, 0, 3)) == encode_sockaddr("fe80::1", 9, 3)


def test_an_address_becomes_the_tuple_that_a_socket_of_its_family_wants() -> None:
    ipv4, ipv6 = encode_sockaddr("192.0.2.1", 9), encode_sockaddr("fe80::1", 9, 3)
    assert decode_socket_address(ipv4, is_ipv4=True) == ("192.0.2.1", 9)
    assert decode_socket_address(ipv4, is_ipv4=False) == ("::ffff:192.0.2.1", 9, 0, 0)
    assert decode_socket_address(ipv6, is_ipv4=False) == ("fe80::1", 9, 0, 3)
    with pytest.raises(OSError, match="not supported"):
        decode_socket_address(bytes(28), is_ipv4=True)
