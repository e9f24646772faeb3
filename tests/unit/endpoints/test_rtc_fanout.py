"""Packets sealed for all who watch, in one pass."""

import pytest
from tests.support.rtc_stage import CHANNEL, RTX, Browser, Stage, picture

from headrace.endpoints.rtc_fanout import MAX_PACKETS_AT_ONCE, ROWS, Recipient, RtcFanout
from headrace.fanout.sent_totals import SentTotals
from headrace.webrtc.rtp import decode_rtp


def clear(stage: Stage) -> list[bytes]:
    ring = stage.endpoint.rooms[CHANNEL].channel.video.ring
    return [decode_rtp(one).payload for one in ring.between(ring.first_index, ring.next_index)]


def payloads(browser: Browser) -> list[bytes]:
    return [one.payload for one in browser.pictures()]


def test_everybody_gets_every_packet_sealed_with_its_own_key() -> None:
    stage = Stage()
    browsers = [stage.joined(h264=96 + number % 2 * 6) for number in range(4)]
    stage.stream(10)
    assert all(payloads(browser) == clear(stage) for browser in browsers)
    assert {browser.pictures()[0].payload_type for browser in browsers} == {96, 102}


def test_those_who_are_alike_are_served_by_one_call() -> None:
    stage = Stage()
    for _ in range(5):
        stage.joined()
    stage.stream(2)
    stage.outbox.calls.clear()
    stage.show(picture(2))
    assert stage.outbox.calls == ["send_burst"]


def test_a_picture_of_more_packets_than_there_are_rows_is_sent_in_pieces() -> None:
    stage = Stage()
    browsers = [stage.joined(has_audio=False) for _ in range(6)]
    size_bytes = 1_180 * (MAX_PACKETS_AT_ONCE + 10)
    assert 6 * MAX_PACKETS_AT_ONCE > ROWS
    stage.show(picture(0, 200, is_keyframe=True))
    stage.run(100_000)
    stage.show(picture(1, size_bytes))
    assert all(payloads(browser) == clear(stage) for browser in browsers)
    assert browsers[0].viewer.places[0].sent_packets == len(clear(stage))


@pytest.mark.parametrize("rtx", [RTX, None])
def test_a_packet_that_is_sent_again_is_the_same_or_stands_in_a_stream_of_its_own(rtx: int | None) -> None:
    stage = Stage()
    browser = stage.joined(rtx=rtx, has_audio=False)
    stage.show(picture(0, is_keyframe=True))
    stage.run(100_000)
    stage.drops = lambda datagram: datagram[0] >= 128
    stage.show(picture(1))
    stage.drops = lambda _: False
    before = len(browser.received)
    place = browser.viewer.places[0]
    wanted = [place.next_index - 2, place.next_index - 1, place.next_index + 7]  # type: ignore[operator]
    fanout = RtcFanout(stage.outbox)
    assert fanout.resend(Recipient(browser.viewer, place), wanted, stage.now_us) == 2
    stage.play()
    again = browser.received[before:]
    expected = clear(stage)[-2:]
    if rtx is None:
        assert [one.payload for one in again] == expected
        assert {one.ssrc for one in again} == {place.stream.ssrc}
    else:
        assert [one.payload[2:] for one in again] == expected
        assert {(one.ssrc, one.payload_type) for one in again} == {(place.stream.rtx_ssrc, RTX)}
        numbers = [place.index_of(index) & 0xFFFF for index in wanted[:2]]
        assert [int.from_bytes(one.payload[:2], "big") for one in again] == numbers
        assert [one.seqno for one in again] == [0, 1]
    assert place.resent_packets == 2


def test_nothing_is_sent_to_who_is_not_connected() -> None:
    stage = Stage()
    browser = stage.browser()
    place = browser.viewer.places[0]
    stage.show(picture(0, is_keyframe=True))
    place.start_at(0)
    fanout = RtcFanout(stage.outbox)
    totals = SentTotals()
    fanout.send([Recipient(browser.viewer, place)], 0, 1, totals)
    assert fanout.resend(Recipient(browser.viewer, place), [0], stage.now_us) == 0
    assert stage.outbox.take() == []
    assert totals == SentTotals()
