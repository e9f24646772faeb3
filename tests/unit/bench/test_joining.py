import pytest
from tests.support.listener_host import ListenerHost

from headrace.base.errors import HeadraceError
from headrace.bench.joining import AT_ONCE, CONNECT_TIMEOUT_US, Joining, producer_options, subscriber_options
from headrace.srt.caller import ConnectTimeoutError
from headrace.srt.rejection import ConnectionRejectedError


def test_everybody_gets_a_connection_and_only_some_ask_at_once() -> None:
    host, joining = ListenerHost(), Joining(subscriber_options("A", AT_ONCE + 5))
    first = joining.poll_datagrams(0)
    assert [number for number, _ in first] == list(range(AT_ONCE))
    opened = {}
    for number, datagram in first:
        assert joining.handle_datagram(number, host.answer(datagram), 0) is None
    while not joining.is_over:
        for number, datagram in joining.poll_datagrams(0):
            parameters = joining.handle_datagram(number, host.answer(datagram), 0)
            if parameters is not None:
                opened[number] = parameters
    assert sorted(opened) == list(range(AT_ONCE + 5))
    assert all(parameters.socket_id == number + 1 for number, parameters in opened.items())
    assert host.asked == ["A"] * (AT_ONCE + 5)


def test_what_comes_for_nobody_is_passed_over() -> None:
    assert Joining([]).handle_datagram(3, b"", 0) is None


def test_a_refusal_is_raised() -> None:
    host, joining = ListenerHost(refuses=True), Joining(producer_options(["A"]))
    ((_, induction),) = joining.poll_datagrams(0)
    joining.handle_datagram(0, host.answer(induction), 0)
    ((_, conclusion),) = joining.poll_datagrams(0)
    with pytest.raises(ConnectionRejectedError):
        joining.handle_datagram(0, host.answer(conclusion), 0)
    assert host.asked == ["publish:A"]


def test_silence_is_raised_in_the_end() -> None:
    joining = Joining(producer_options(["A"]))
    joining.poll_datagrams(0)
    with pytest.raises(ConnectTimeoutError):
        joining.poll_datagrams(CONNECT_TIMEOUT_US)
    assert issubclass(ConnectTimeoutError, HeadraceError)
