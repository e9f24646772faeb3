"""Channels that browsers watch: opened by the first, closed a while after the last."""

import asyncio

import pytest
from tests.support.loops import until
from tests.support.reordered import reordered_units
from tests.support.rtc_clients import broker_for_browsers

from headrace.hub.limits import Limits
from headrace.media.picture_converter import PictureConverter
from headrace.service import rtc_rooms
from headrace.service.rtc_config import RtcConfig


def test_a_channel_is_opened_once_and_closed_a_while_after_the_last_one_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtc_rooms, "LINGER_SECONDS", 0.05)

    async def test() -> None:
        async with broker_for_browsers() as broker:
            assert broker.rtc is not None
            rooms = (await broker.rtc.service())._rooms
            first, second = await asyncio.gather(rooms.enter("A"), rooms.enter("A"))
            assert first is second is not None
            assert broker.endpoint.hub.channels["A"].taps == 1
            rooms.leave("A")
            rooms.leave("A")
            third = await rooms.enter("A")
            await asyncio.sleep(0.2)
            assert third is first
            assert "A" in broker.endpoint.hub.channels
            rooms.leave("A")
            await until(lambda: "A" not in broker.endpoint.hub.channels)
            assert await rooms.enter("A") is not first

    asyncio.run(test())


def test_what_a_channel_was_sent_is_kept_when_its_room_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc_rooms, "LINGER_SECONDS", 0.0)

    async def test() -> None:
        async with broker_for_browsers() as broker:
            assert broker.rtc is not None
            channel = broker.endpoint.hub.open_channel("A")
            assert channel is not None
            channel.taps += 1  # as a producer would, it keeps the channel
            rooms = (await broker.rtc.service())._rooms
            first = await rooms.enter("A")
            assert first is not None
            first.totals.add(sent_packets=5)
            rooms.leave("A")
            await until(lambda: channel.taps == 1)
            second = await rooms.enter("A")
            assert second is not None
            assert second.totals is channel.sent_by_taps
            assert second.totals.sent_packets == 5

    asyncio.run(test())


def test_where_there_are_too_many_channels_there_is_no_room() -> None:
    async def test() -> None:
        async with broker_for_browsers(limits=Limits(channels=1)) as broker:
            assert broker.rtc is not None
            rooms = (await broker.rtc.service())._rooms
            assert await rooms.enter("A") is not None
            assert await rooms.enter("B") is None

    asyncio.run(test())


def test_what_re_encodes_a_channel_ends_with_the_broker() -> None:
    async def test() -> None:
        async with broker_for_browsers(RtcConfig("127.0.0.1", 0, max_recoded_channels=1)) as broker:
            assert broker.rtc is not None
            room = await (await broker.rtc.service())._rooms.enter("A")
            assert room is not None
            recoder = room.channel.route._recoder
            assert isinstance(recoder, PictureConverter)
            assert recoder.feed(reordered_units()[0])
            run = recoder._run
            assert run is not None
        assert run.join(30)

    asyncio.run(test())


def test_unless_it_is_allowed_there_is_nothing_that_re_encodes() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            assert broker.rtc is not None
            room = await (await broker.rtc.service())._rooms.enter("A")
            assert room is not None
            assert room.channel.route._recoder is None

    asyncio.run(test())
