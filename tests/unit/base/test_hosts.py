"""Hosts as numbers: which addresses count as one, and that columns say the same as one address alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.base.hosts import host_number, host_numbers
from headrace.base.sockaddr import SOCKADDR_BYTES, encode_sockaddr


def number(host: str, port: int = 1) -> int:
    return host_number(encode_sockaddr(host, port))


def test_ports_of_a_host_are_one() -> None:
    assert number("10.1.2.3", 1) == number("10.1.2.3", 65_535) == 0x0A01_0203
    assert number("2001:db8::1", 1) == number("2001:db8::1", 2)


def test_hosts_of_ipv4_are_apart_and_mapped_ones_are_the_same() -> None:
    assert number("10.1.2.3") != number("10.1.2.4")
    assert number("::ffff:10.1.2.3") == number("10.1.2.3")


def test_a_64_of_ipv6_is_one_and_the_next_one_is_another() -> None:
    assert number("2001:db8:0:7::1") == number("2001:db8:0:7:ffff:ffff:ffff:ffff")
    assert number("2001:db8:0:7::1") != number("2001:db8:0:8::1")


IPV4 = st.integers(0, 2**32 - 1).map(lambda n: ".".join(str(n >> shift & 0xFF) for shift in (24, 16, 8, 0)))
HOSTS = st.one_of(IPV4, IPV4.map(lambda host: f"::ffff:{host}"), st.ip_addresses(v=6).map(str))


@given(st.lists(st.tuples(HOSTS, st.integers(0, 65_535)), max_size=8))
def test_columns_say_what_single_addresses_say(peers: list[tuple[str, int]]) -> None:
    addresses = [encode_sockaddr(host, port) for host, port in peers]
    column = np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, SOCKADDR_BYTES)
    numbers = host_numbers(column)
    assert numbers.tolist() == [host_number(address) for address in addresses]
    assert numbers.dtype == np.uint64


@pytest.mark.parametrize("count", [0, 1])
def test_no_address_and_one_keep_their_shape(count: int) -> None:
    column = np.frombuffer(encode_sockaddr("1.2.3.4", 5) * count, np.uint8).reshape(-1, SOCKADDR_BYTES)
    assert host_numbers(column).shape == (count,)
