import socket

import pytest

from headrace.cli.check import check
from headrace.client.reach import BrokerUnreachableError


def test_silence_is_an_error_that_says_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))  # takes handshakes, and answers none
        port = udp.getsockname()[1]
        with pytest.raises(BrokerUnreachableError, match="start one with 'headrace serve'"):
            check(f"127.0.0.1:{port}", timeout_seconds=0.1)
        assert udp.recv(2000)


def test_a_name_that_is_none_is_an_error_too() -> None:
    with pytest.raises(BrokerUnreachableError, match=r"cannot reach name\.invalid:8890"):
        check("name.invalid", timeout_seconds=0.1)
