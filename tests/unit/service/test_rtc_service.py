"""Browsers that watch, agreed on as over HTTP and played by a real WebRTC client."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.access import closed_directory, token
from tests.support.loops import until
from tests.support.reordered import B_FRAMES
from tests.support.rtc_clients import HOST, Watcher, broker_for_browsers, producing, watching

from headrace.access.channel_rule import ChannelRule
from headrace.access.directory import Directory
from headrace.netio.clock import unix_time_us
from headrace.service import rtc_service
from headrace.service.broker import Broker
from headrace.service.rtc_config import RtcConfig
from headrace.service.rtc_service import RtcService
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal, StaleEtagError


def service_of(broker: Broker) -> Awaitable[RtcService]:
    assert broker.rtc is not None
    return broker.rtc.service()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(limited())


@pytest.fixture
def looks_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a busy machine find out how a channel is encoded before it answers."""
    monkeypatch.setattr(rtc_service, "LOOK_SECONDS", 30.0)


async def refusal(broker: Broker, channel_id: str, offer: str, credential: str | None = None) -> GatewayRefusal:
    with pytest.raises(GatewayRefusal) as raised:
        await (await service_of(broker)).watch(channel_id, offer, credential, HOST)
    return raised.value


def test_a_client_plays_picture_and_sound_and_leaves_when_its_session_is_deleted() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, producing(broker, "A"), watching(broker, "A") as watcher:
            await until(lambda: watcher.frames["video"] > 25 and watcher.frames["audio"] > 50, seconds=30)
            service = await service_of(broker)
            assert broker.endpoint.visitors.watching("A") == 1
            status = await broker.desk.document("A")
            assert status["broker"]["sessions"] == 1
            assert status["channels"][0]["sessions"] == {"count": 1}
            assert status["channels"][0]["video"]["codec"] == "H.264"
            assert status["subscribers"][0]["sent_packets"] > 50
            assert status["channels"][0]["sent"]["sent_packets"] > 50
            assert status["broker"]["watching_sessions"] == 1
            await until(lambda: broker.desk._status.broker_facts()["sent_bps"] > 100_000, seconds=30)
            broker_facts = broker.desk._status.broker_facts()
            assert broker_facts["socket"]["bytes_sent"] > status["channels"][0]["sent"]["sent_payload_bytes"]
            assert watcher.answer is not None
            await service.end(watcher.answer.session_id)
            await until(lambda: watcher.state == "closed")
            await until(lambda: broker.endpoint.visitors.watching("A") == 0)
            with pytest.raises(GatewayRefusal):
                await service.end(watcher.answer.session_id)

    run(test)


def test_the_aac_of_a_channel_is_heard_too() -> None:
    async def test() -> None:
        async with (
            broker_for_browsers() as broker,
            producing(broker, "A", audio="aac"),
            watching(broker, "A") as watcher,
        ):
            await until(lambda: watcher.frames["video"] > 10 and watcher.frames["audio"] > 50, seconds=30)

    run(test)


def test_a_channel_of_sound_alone_is_heard_and_who_waits_for_its_pictures_agrees_anew() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, watching(broker, "A") as early:
            await until(lambda: early.state == "connected")
            async with producing(broker, "A", video=None), watching(broker, "A") as watcher:
                await until(lambda: watcher.frames["audio"] > 50, seconds=30)
                await until(lambda: early.state == "closed")
            assert watcher.frames["video"] == 0

    run(test)


def test_who_comes_before_the_producer_sees_it_when_it_comes() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, watching(broker, "A") as watcher, producing(broker, "A"):
            await until(lambda: watcher.frames["video"] > 5, seconds=30)

    run(test)


def test_what_is_no_offer_or_no_channel_id_is_refused_with_what_to_do() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            refused = await refusal(broker, "A", "v=0")
            assert refused.code == RejectReason.BAD_REQUEST
            assert "media section" in refused.why
            assert (await refusal(broker, "no id!", "v=0")).code == RejectReason.BAD_REQUEST

    run(test)


def test_a_private_channel_wants_a_token_and_who_watches_goes_when_that_has_expired() -> None:
    async def test() -> None:
        async with broker_for_browsers(directory=closed_directory()) as broker:
            offer = await (watcher := Watcher()).offer()
            assert (await refusal(broker, "private", offer)).code == RejectReason.UNAUTHORIZED
            assert (await refusal(broker, "nowhere", offer)).code == RejectReason.NOT_FOUND
            await watcher.close()
            an_hour = token(seconds=3600, start_us=unix_time_us())
            async with watching(broker, "private", an_hour) as invited:
                await until(lambda: invited.state == "connected")
                # So much later, however long it took to connect.
                broker.endpoint._admissions._unix_time_us = lambda: unix_time_us() + 3_600_000_000
                await until(lambda: invited.state == "closed")
            assert broker.endpoint.ended_rights == {"token_expired": 1}

    run(test)


def test_who_loses_its_right_while_its_session_is_being_made_has_none() -> None:
    async def test() -> None:
        async with broker_for_browsers(directory=closed_directory()) as broker:
            service = await service_of(broker)
            offer = await (watcher := Watcher()).offer()
            an_hour = token(seconds=3600, start_us=unix_time_us())
            async with service._rooms._lock:
                asked = asyncio.create_task(service.watch("private", offer, an_hour, HOST))
                await until(lambda: broker.endpoint.visitors.watching("private") == 1)
                broker.endpoint._admissions._unix_time_us = lambda: unix_time_us() + 3_600_000_000
                await until(lambda: broker.endpoint.ended_rights == {"token_expired": 1})
            await asked
            await until(lambda: broker.endpoint.visitors.watching("private") == 0)
            await until(lambda: not service._endpoint.sessions)
            await watcher.close()

    run(test)


def test_who_watches_goes_when_its_channel_is_closed() -> None:
    async def test() -> None:
        directory = Directory.of(1, [ChannelRule("A")], is_open=False)
        async with broker_for_browsers(directory=directory) as broker, watching(broker, "A") as watcher:
            await until(lambda: watcher.state == "connected")
            await broker.use_directory(Directory.of(2, [], is_open=False))
            await until(lambda: watcher.state == "closed")

    run(test)


def test_an_encrypted_channel_is_not_shown_to_who_cannot_have_its_passphrase() -> None:
    async def test() -> None:
        rule = ChannelRule("A", passphrase="ten or more", is_encryption_enforced=True)
        async with broker_for_browsers(directory=Directory.of(1, [rule], is_open=True)) as broker:
            offer = await (watcher := Watcher()).offer()
            assert (await refusal(broker, "A", offer)).code == RejectReason.UNSECURE
            await watcher.close()

    run(test)


@pytest.mark.usefixtures("looks_long")
def test_pictures_that_browsers_cannot_play_are_refused_with_the_setting_to_change() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker, producing(broker, "A", video_options=B_FRAMES):
            offer = await (watcher := Watcher()).offer()
            refused = await refusal(broker, "A", offer)
            assert refused.code == RejectReason.UNACCEPTABLE
            assert "B-frames" in refused.why
            assert broker.endpoint.visitors.watching("A") == 0
            await watcher.close()

    run(test)


@pytest.mark.usefixtures("looks_long")
def test_with_the_setting_they_are_re_encoded_once_and_no_more_channels_than_it_says() -> None:
    async def test() -> None:
        config = RtcConfig(HOST, 0, max_recoded_channels=1)
        async with (
            broker_for_browsers(config) as broker,
            producing(broker, "A", seconds=40, video_options=B_FRAMES),
            producing(broker, "B", seconds=40, video_options=B_FRAMES),
            watching(broker, "A") as first,
            watching(broker, "A") as second,
        ):
            await until(lambda: min(first.frames["video"], second.frames["video"]) > 25, seconds=60)
            status = await broker.desk.document()
            facts = {one["id"]: one for one in status["channels"]}["A"]
            assert (facts["has_reordering"], facts["notice"]) == (True, None)
            assert facts["recoding"]["pictures"] > 25
            assert facts["recoding"]["failures"] == 0
            offer = await (third := Watcher()).offer()
            refused = await refusal(broker, "B", offer)
            assert "B-frames" in refused.why
            assert "no more channels" in refused.why
            await third.close()

    run(test)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (RtcConfig(HOST, 0, max_sessions=1), "sessions"),
        (RtcConfig(HOST, 0, max_half_open=1), "connection is not"),
        (RtcConfig(HOST, 0, max_half_open_per_host=1), "connection is not"),
    ],
)
def test_a_full_house_says_so(limits: RtcConfig, why: str) -> None:
    async def test() -> None:
        async with broker_for_browsers(limits) as broker:
            watchers = [Watcher(), Watcher()]
            offers = [await watcher.offer() for watcher in watchers]
            service = await service_of(broker)
            first = await service.watch("A", offers[0], None, HOST)
            refused = await refusal(broker, "A", offers[1])
            assert refused.code == RejectReason.OVERLOAD
            assert why in refused.why
            await service.end(first.session_id)
            await until(lambda: not broker.endpoint.visitors)
            await service.watch("A", offers[1], None, HOST)
            for watcher in watchers:
                await watcher.close()

    run(test)


def test_who_is_connected_is_half_open_no_more() -> None:
    async def test() -> None:
        async with (
            broker_for_browsers(RtcConfig(HOST, 0, max_half_open=1)) as broker,
            watching(broker, "A") as first,
        ):
            await until(lambda: first.state == "connected")
            async with watching(broker, "A") as second:
                await until(lambda: second.state == "connected")

    run(test)


def test_a_session_takes_candidates_and_restarts_its_ice_for_who_knows_its_newest_state() -> None:
    async def test() -> None:
        async with broker_for_browsers() as broker:
            offer = await (watcher := Watcher()).offer()
            service = await service_of(broker)
            answer = await service.watch("A", offer, None, HOST)
            ufrag, pwd = (
                next(line for line in offer.splitlines() if line.startswith(f"a=ice-{name}:"))
                for name in ("ufrag", "pwd")
            )
            unchanged = await service.patch(
                answer.session_id, f"{ufrag}\r\n{pwd}\r\n", frozenset({"another", answer.etag})
            )
            assert (unchanged.fragment, unchanged.etag) == (None, answer.etag)
            other = "a=ice-ufrag:Other\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
            restarted = await service.patch(answer.session_id, other, frozenset({answer.etag}))
            assert restarted.etag != answer.etag
            assert restarted.fragment is not None
            assert "a=ice-ufrag:" in restarted.fragment
            with pytest.raises(StaleEtagError):
                await service.patch(answer.session_id, other, frozenset({answer.etag}))
            with pytest.raises(GatewayRefusal):
                await service.patch(answer.session_id, "nonsense", None)
            with pytest.raises(GatewayRefusal):
                await service.patch("nobody", other, None)
            await watcher.close()

    run(test)


def test_at_its_end_the_broker_says_goodbye_to_browsers() -> None:
    async def test() -> None:
        watcher = Watcher()
        async with broker_for_browsers() as broker:
            await watcher.watch(broker, "A")
            await until(lambda: watcher.state == "connected")
        await until(lambda: watcher.state == "closed")
        await watcher.close()

    run(test)
