"""What a broker is doing, whoever asks."""

import asyncio

from headrace.service.broker import Broker, BrokerConfig
from headrace.service.broker_status import STATUS_VERSION
from headrace.service.status_desk import StatusDesk


def test_the_document_is_the_one_that_the_control_socket_gives() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            desk = broker.desk
            document = await desk.document("*")
            assert document["version"] == STATUS_VERSION
            assert document["channels"] == document["subscribers"] == []
            pieces = [piece async for piece in desk.pieces({"want": "nonsense"})]
            assert "error" in "".join(pieces)

    asyncio.run(run())


def test_it_looks_once_however_often_it_is_started_and_may_be_stopped_twice() -> None:
    async def run() -> None:
        async with Broker(BrokerConfig("127.0.0.1", 0)) as broker:
            before = len(asyncio.all_tasks())
            desk: StatusDesk = broker.desk
            desk.start()
            desk.start()
            assert len(asyncio.all_tasks()) == before + 1
            desk.stop()
            desk.stop()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == before

    asyncio.run(run())
