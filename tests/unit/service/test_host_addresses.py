"""At which addresses this machine is reached."""

from ipaddress import ip_address

import pytest

from headrace.service.host_addresses import host_addresses


def test_where_it_listens_at_one_address_it_is_that() -> None:
    assert host_addresses("127.0.0.1") == ("127.0.0.1",)
    assert host_addresses("localhost")[0] in {"127.0.0.1", "::1"}


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "::"])
def test_where_it_listens_at_all_they_are_numeric_and_loopback_comes_last(host: str | None) -> None:
    addresses = host_addresses(host)
    assert addresses[-1] == "127.0.0.1"
    assert len(set(addresses)) == len(addresses)
    assert not any(ip_address(address).is_unspecified for address in addresses)
