"""Whose address a request came from."""

import pytest
from starlette.requests import HTTPConnection

from headrace.web.peer_host import UNKNOWN_HOST, number_of, peer_host


@pytest.mark.parametrize(
    ("client", "host"),
    [
        (("192.0.2.1", 5), "192.0.2.1"), (("::ffff:192.0.2.1", 5), "192.0.2.1"), (("fe80::1%eth0", 5), "fe80::1"),
        (("2001:DB8::0:1", 5), "2001:db8::1"), (("::FFFF:C000:201", 5), "192.0.2.1"), (None, UNKNOWN_HOST),
    ],
)  # fmt: skip
def test_a_host_is_an_address_without_port_and_zone(client: tuple[str, int] | None, host: str) -> None:
    assert peer_host(HTTPConnection({"type": "http", "headers": [], "client": client})) == host


@pytest.mark.parametrize(
    "said", ["unknown", "_hidden", "", "300.1.1.1", "192.0.2.1:x", "[::1", "\xff", "::ffff:x"]
)
def test_what_a_proxy_says_that_is_no_address_is_nobodys(said: str) -> None:
    assert peer_host(HTTPConnection({"type": "http", "headers": [], "client": (said, 0)})) == UNKNOWN_HOST


def test_a_whole_network_of_ipv6_is_one_host() -> None:
    assert number_of("2001:db8::1") == number_of("2001:db8::ffff:1") != number_of("2001:db8:0:1::1")
    assert number_of("192.0.2.1") != number_of("192.0.2.2")


def test_what_is_no_address_has_a_number_too() -> None:
    assert number_of("no address") == number_of("") == 0
