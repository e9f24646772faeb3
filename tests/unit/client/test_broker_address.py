import pytest

from headrace.client.broker_address import BrokerAddress


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (BrokerAddress("127.0.0.1", 8890), "127.0.0.1:8890"),
        (BrokerAddress("broker.example", 1), "broker.example:1"),
        (BrokerAddress("::1", 8890), "[::1]:8890"),
    ],
)
def test_an_address_is_written_as_people_type_it(address: BrokerAddress, text: str) -> None:
    assert str(address) == text
