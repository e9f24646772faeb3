"""Who produces by WebRTC is a producer over SRT like any other."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.access import KEYS, UNKNOWN_KEY, closed_directory
from tests.support.loops import until
from tests.support.rtc_clients import HOST, Camera, broker_for_browsers, filming, producing, watching

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.client.srt_connect import srt_connect
from headrace.netio.clock import now_us
from headrace.remux.access_unit import Codec
from headrace.remux.ts_to_units import TsToUnits
from headrace.service import rtc_service
from headrace.service.broker import Broker
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(80):
            await test()

    asyncio.run(limited())


async def refusal(
    broker: Broker, channel_id: str | None, offer: str, credential: str | None = None
) -> GatewayRefusal:
    assert broker.rtc is not None
    with pytest.raises(GatewayRefusal) as raised:
        await broker.rtc.produce(channel_id, offer, credential, HOST)
    return raised.value


def is_live(broker: Broker, channel_id: str) -> bool:
    channel = broker.endpoint.hub.channels.get(channel_id)
    return channel is not None and channel.producer is not None


def test_what_comes_by_webrtc_goes_out_over_srt_and_to_browsers() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, filming(broker, "A"), watching(broker, "A") as watcher:
            socket = await srt_connect(HOST, broker.port, stream_id="A")
            to_units = TsToUnits()
            seen = {Codec.H264: 0, Codec.AAC: 0, Codec.OPUS: 0}
            async with asyncio.timeout(40):
                while min(seen.values()) < 20:
                    for unit in to_units.feed(await socket.receive()):
                        seen[unit.codec] += 1
            await socket.close()
            await until(lambda: watcher.frames["video"] > 10 and watcher.frames["audio"] > 10, seconds=20)

    run(test)


def test_the_key_names_the_channel_and_a_wrong_one_is_refused() -> None:
    async def test() -> None:
        async with broker_for_browsers(directory=closed_directory()) as broker:
            offer = await (camera := Camera()).offer()
            refused = await refusal(broker, "cam1", offer, UNKNOWN_KEY)
            assert refused.code == RejectReason.UNAUTHORIZED
            assert UNKNOWN_KEY not in refused.why
            assert (await refusal(broker, "cam2", offer, KEYS["cam1"])).code == RejectReason.FORBIDDEN
            assert (await refusal(broker, None, offer)).code == RejectReason.UNAUTHORIZED
            await camera.close()
            async with filming(broker, None, KEYS["cam1"]):
                await until(lambda: is_live(broker, "cam1"))

    run(test)


def test_who_ends_makes_room_at_once_whatever_the_latency() -> None:
    async def test() -> None:
        async with (
            broker_for_browsers(latency_ms=8_000) as broker,
            filming(broker, "A") as camera,
            watching(broker, "A") as watcher,
        ):
            await until(lambda: watcher.frames["video"] > 5, seconds=20)
            assert broker.rtc is not None
            assert camera.answer is not None
            await broker.rtc.end(camera.answer.session_id)
            await until(lambda: not is_live(broker, "A"), seconds=4)

    run(test)


def test_a_producer_whose_key_is_revoked_is_sent_away() -> None:
    async def test() -> None:
        async with (
            broker_for_browsers(directory=closed_directory()) as broker,
            filming(broker, None, KEYS["cam1"]) as camera,
        ):
            await until(lambda: camera.state == "connected")
            await broker.use_directory(closed_directory(keys=("cam2",)))
            await until(lambda: camera.state == "closed")
            assert not is_live(broker, "cam1")
            assert broker.endpoint.ended_rights == {"key_revoked": 1}

    run(test)


def test_a_channel_with_a_passphrase_is_produced_by_who_has_its_key() -> None:
    async def test() -> None:
        rule = ChannelRule("A", passphrase="ten or more", is_encryption_enforced=True)
        directory = Directory.of(1, [rule], is_open=True)
        async with broker_for_browsers(directory=directory) as broker, filming(broker, "A"):
            await until(lambda: is_live(broker, "A"))

    run(test)


def test_a_channel_with_a_live_producer_is_refused() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, producing(broker, "A"):
            offer = await (camera := Camera()).offer()
            assert (await refusal(broker, "A", offer)).code == RejectReason.CONFLICT
            await camera.close()

    run(test)


def test_one_that_was_closed_without_a_word_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            silent = Camera()
            assert broker.rtc is not None
            answer = await broker.rtc.produce("A", await silent.offer(), None, "192.0.2.7")
            shown = broker.endpoint.hub.channels["A"].producer
            assert shown is not None
            assert shown.whereabouts == "192.0.2.7"
            assert is_live(broker, "A")
            monkeypatch.setattr(rtc_service, "SILENT_US", 0)
            async with filming(broker, "A") as camera:
                await until(lambda: camera.state == "connected")
                with pytest.raises(GatewayRefusal):
                    await broker.rtc.end(answer.session_id)
            await silent.close()

    run(test)


def test_a_producer_that_deletes_its_session_is_gone_and_its_channel_free() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, filming(broker, "A") as camera:
            assert broker.rtc is not None
            assert camera.answer is not None
            await until(lambda: camera.state == "connected")
            began_us = now_us()
            await broker.rtc.end(camera.answer.session_id)
            await until(lambda: not is_live(broker, "A"))
            assert now_us() - began_us < 5_000_000

    run(test)


def test_an_offer_that_sends_nothing_is_refused_with_what_to_do() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            offer = (await (camera := Camera()).offer()).replace("a=sendrecv", "a=recvonly")
            refused = await refusal(broker, "A", offer)
            assert refused.code == RejectReason.UNACCEPTABLE
            assert "sendonly" in refused.why
            assert (await refusal(broker, "not an id", offer)).code == RejectReason.BAD_REQUEST
            await camera.close()

    run(test)
