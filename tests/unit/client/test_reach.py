import pytest
from tests.support.loops import run
from tests.support.ports import free_udp_port

from headrace.client.broker_address import BrokerAddress
from headrace.client.reach import BrokerUnreachableError, reach_broker
from headrace.client.srt_listen import srt_listen
from headrace.service.broker import Broker, BrokerConfig

HOST = "127.0.0.1"


def test_a_broker_that_answers_is_reached_and_remembers_nothing() -> None:
    async def main() -> None:
        async with Broker(BrokerConfig(HOST, 0)) as broker:
            await reach_broker(BrokerAddress(HOST, broker.port))
            assert broker.endpoint.hub.channels == {}

    run(main)


def test_any_srt_listener_is_reached_and_sees_no_connection() -> None:
    async def main() -> None:
        async with await srt_listen(HOST) as server:
            await reach_broker(BrokerAddress(HOST, server.port))
            assert len(server._port) == 0

    run(main)


def test_nobody_there_says_what_to_do() -> None:
    async def main() -> None:
        broker = BrokerAddress(HOST, free_udp_port())
        with pytest.raises(BrokerUnreachableError, match=f"at {broker}: start one with 'headrace serve'"):
            await reach_broker(broker, timeout_seconds=0.2)

    run(main)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "two..dots"])
def test_a_name_that_means_nothing_says_what_to_do(name: str) -> None:
    async def main() -> None:
        with pytest.raises(BrokerUnreachableError, match=r"cannot reach .*name another with --broker"):
            await reach_broker(BrokerAddress(name, 8890))

    run(main)
