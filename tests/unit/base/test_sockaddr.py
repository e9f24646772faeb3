"""Addresses as 28 bytes."""

import sys
import tracemalloc

import pytest

from headrace.base.sockaddr import (
    SOCKADDR_BYTES,
    decode_sockaddr,
    encode_sockaddr,
    format_sockaddr,
    sockaddr_host,
)

LITTLE = sys.byteorder == "little"


def test_ipv4_is_laid_out_as_linux_does() -> None:
    family = b"\2\0" if LITTLE else b"\0\2"
    assert encode_sockaddr("10.0.0.1", 0x1234) == family + b"\x12\x34\x0a\0\0\1" + bytes(20)


def test_ipv6_is_laid_out_as_linux_does() -> None:
    family = b"\x0a\0" if LITTLE else b"\0\x0a"
    scope = (3).to_bytes(4, sys.byteorder)
    encoded = encode_sockaddr("fe80::1", 9, scope_id=3)
    assert encoded == family + b"\0\x09" + bytes(4) + b"\xfe\x80" + bytes(13) + b"\1" + scope


@pytest.mark.parametrize("host", ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("port", [0, 1, 65535])
def test_addresses_come_back(host: str, port: int) -> None:
    encoded = encode_sockaddr(host, port)
    assert len(encoded) == SOCKADDR_BYTES
    assert decode_sockaddr(encoded)[1:] == (port, 0)
    assert encode_sockaddr(*decode_sockaddr(encoded)) == encoded


def test_a_zone_in_the_name_is_left_to_the_scope_id() -> None:
    assert encode_sockaddr("fe80::1%eth0", 9, 3) == encode_sockaddr("fe80::1", 9, 3)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"port {port} is not in 0..65535"):
        encode_sockaddr("10.0.0.1", port)


@pytest.mark.parametrize("host", ["", "localhost", "10.0.0", "10.0.0.256"])
def test_a_name_is_no_address(host: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        encode_sockaddr(host, 1)


def test_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="address family 1 "):
        decode_sockaddr((1).to_bytes(2, sys.byteorder) + bytes(26))


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.1", "10.0.0.1:80"), ("2001:db8::1", "[2001:db8::1]:80"), ("::ffff:10.0.0.1", "10.0.0.1:80")],
)
def test_people_read_host_and_port(host: str, expected: str) -> None:
    assert format_sockaddr(encode_sockaddr(host, 80)) == expected


def test_the_host_of_ipv4_is_the_same_however_it_came() -> None:
    mapped = bytes(10) + b"\xff\xff\x0a\0\0\1"
    assert sockaddr_host(encode_sockaddr("10.0.0.1", 80)) == mapped
    assert sockaddr_host(encode_sockaddr("::ffff:10.0.0.1", 81)) == mapped
    assert sockaddr_host(encode_sockaddr("::1", 81)) == bytes(15) + b"\1"


def test_an_address_that_people_have_read_is_not_remembered() -> None:
    peers = [
        encode_sockaddr.__wrapped__(host, port) for host in ("10.0.0.1", "2001:db8::1") for port in range(500)
    ]
    tracemalloc.start()
    try:
        for peer in peers:
            format_sockaddr(peer)
            decode_sockaddr(peer)
        assert tracemalloc.get_traced_memory()[0] < 50_000  # of 450 for each
    finally:
        tracemalloc.stop()
