import pytest

from headrace.cli.hostport import AddressError, format_host_port, host_from_here, parse_host_port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("example.org:1234", ("example.org", 1234)),
        ("example.org", ("example.org", 8890)),
        ("example.org:", ("example.org", 8890)),
        (":1234", ("", 1234)),
        ("*:1234", ("", 1234)),
        ("", ("", 8890)),
        ("[2001:db8::1]:1234", ("2001:db8::1", 1234)),
        ("[::1]", ("::1", 8890)),
        ("2001:db8::1", ("2001:db8::1", 8890)),
        ("127.0.0.1:65535", ("127.0.0.1", 65535)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
    ],
)
def test_an_address_is_read_as_people_type_it(text: str, address: tuple[str, int]) -> None:
    assert parse_host_port(text, default_port=8890) == address


@pytest.mark.parametrize("text", ["host:65536", "host:-1", "host:http", "host:٣", "[::1", "[::1]8890", "host:1 "])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AddressError, match="is not an address"):
        parse_host_port(text, default_port=8890)


@pytest.mark.parametrize(("host", "text"), [("::1", "[::1]:9"), ("127.0.0.1", "127.0.0.1:9")])
def test_an_address_is_written_as_it_is_read(host: str, text: str) -> None:
    assert format_host_port(host, 9) == text
    assert parse_host_port(text, default_port=1) == (host, 9)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_what_listens_at_all_addresses_is_reached_at_the_loopback(host: str) -> None:
    assert host_from_here(host) == "127.0.0.1"


@pytest.mark.parametrize("host", ["192.0.2.10", "2001:db8::1", "::1", "broker.example"])
def test_what_listens_at_one_address_is_reached_there(host: str) -> None:
    assert host_from_here(host) == host
