"""How the HTTP side is to be."""

import pytest

from headrace.web.http_config import HttpConfig, networks_of


def test_no_log_shows_the_admin_token() -> None:
    assert "s3cret" not in repr(HttpConfig(admin_token="s3cret"))


def test_addresses_and_networks_are_separated_by_commas() -> None:
    named = " 192.0.2.1, 10.1.2.3/8,fd00::/8,,"
    assert list(map(str, networks_of(named))) == ["192.0.2.1/32", "10.0.0.0/8", "fd00::/8"]
    assert networks_of("") == ()


def test_a_name_is_no_network() -> None:
    with pytest.raises(ValueError, match=r"proxy\.example"):
        networks_of("127.0.0.1,proxy.example")


def test_proxies_on_the_same_machine_are_trusted_by_default() -> None:
    assert list(map(str, HttpConfig().trusted_proxies)) == ["127.0.0.1/32", "::1/128"]
