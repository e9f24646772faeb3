"""WebRTC as HTTP knows it, from the broker's start on."""

import asyncio
import socket

import pytest
from tests.support.rtc_clients import HOST, Watcher, broker_for_browsers

from headrace.service.broker import Broker, BrokerConfig
from headrace.service.rtc_config import RtcConfig, RtcListenError
from headrace.web.gateway import GatewayRefusal
from headrace.web.http_config import HttpConfig


def test_who_asks_while_it_is_being_loaded_waits_for_it() -> None:
    async def test() -> None:
        offer = await (watcher := Watcher()).offer()
        async with broker_for_browsers() as broker:
            assert broker.rtc is not None
            answer = await broker.rtc.watch("A", offer, None, HOST)
            assert "a=setup:passive" in answer.sdp
            known = await broker.rtc.layers(answer.session_id)
            assert (known.layers, known.current, known.wanted) == ((), None, None)
            await broker.rtc.choose_layer(answer.session_id, None)
            with pytest.raises(GatewayRefusal, match="no such layer"):
                await broker.rtc.choose_layer(answer.session_id, "h")
            await broker.rtc.end(answer.session_id)
            with pytest.raises(GatewayRefusal, match="no such session"):
                await broker.rtc.layers(answer.session_id)
            with pytest.raises(GatewayRefusal):
                await broker.rtc.patch(answer.session_id, "", None)
        await watcher.close()

    asyncio.run(test())


def test_without_http_there_is_no_webrtc() -> None:
    async def test() -> None:
        async with Broker(BrokerConfig(HOST, 0, rtc=RtcConfig(HOST, 0))) as broker:
            assert broker.rtc is None

    asyncio.run(test())


def test_where_its_port_is_taken_the_broker_does_not_start_and_leaves_the_others() -> None:
    async def test() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind((HOST, 0))
            rtc = RtcConfig(HOST, taken.getsockname()[1])
            with pytest.raises(RtcListenError):
                await Broker(BrokerConfig(HOST, 0, http=HttpConfig(HOST, 0), rtc=rtc)).__aenter__()

    asyncio.run(test())
