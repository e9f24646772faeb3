"""Browsers that watch one channel, from the newest keyframe on."""

from dataclasses import replace
from itertools import pairwise

from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.rtc_stage import CHANNEL, FRAME_US, Browser, Stage, picture

from headrace.endpoints.rtc_room import (
    MAX_RESTARTS,
    PIECE_INTERVAL_US,
    PIECE_PACKETS,
    RESTART_INTERVAL_US,
    RESTARTS_US,
)
from headrace.endpoints.rtc_watching import REPORT_INTERVAL_US
from headrace.endpoints.rtp_ring import LIVE_US
from headrace.webrtc.rtcp import Nack, ReceiverReport, SenderReport, decode_compound, encode_compound
from headrace.webrtc.rtp import decode_rtp, timestamp_distance


def clear(stage: Stage, begin: int) -> list[bytes]:
    ring = stage.room.channel.video.ring
    return [decode_rtp(one).payload for one in ring.between(begin, ring.next_index)]


def payloads(browser: Browser) -> list[bytes]:
    return [one.payload for one in browser.pictures()]


def assert_gapless(browser: Browser) -> None:
    numbers = [one.seqno for one in browser.pictures()]
    assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(len(numbers))]


def test_who_joins_between_keyframes_gets_all_from_the_newest_one_on_within_a_moment() -> None:
    stage = Stage()
    stage.stream(60, keyframe_each=50)
    begin = stage.room.channel.video.ring.keyframe_index
    assert begin is not None
    browser = stage.joined()
    stage.run(2 * PIECE_INTERVAL_US)
    assert payloads(browser) == clear(stage, begin)
    stage.stream(5, keyframe_each=50)
    assert payloads(browser) == clear(stage, begin)
    assert_gapless(browser)


def test_a_long_backlog_comes_in_pieces_and_what_comes_meanwhile_after_it() -> None:
    stage = Stage()
    stage.stream(100, keyframe_each=1_000)
    browser = stage.joined()
    stage.run(0)
    assert len(payloads(browser)) == PIECE_PACKETS
    stage.show(picture(500))
    assert len(payloads(browser)) == PIECE_PACKETS
    stage.run(1_000_000)
    assert payloads(browser) == clear(stage, 0)
    assert stage.room.poll_timer() is None
    stage.run(1_000_000)
    assert_gapless(browser)


def test_what_all_were_sent_is_counted_and_stays_when_they_leave() -> None:
    stage = Stage()
    stage.stream(30)
    browsers = [stage.joined(), stage.joined(), stage.joined(has_audio=False)]
    stage.stream(30)
    for browser in browsers[:2]:
        lost = browser.pictures()[-1]
        browser.send_rtcp(encode_compound([ReceiverReport(1), Nack(2, lost.ssrc, (lost.seqno,))]))
    again = 2
    received = [one for browser in browsers for one in browser.received]
    assert stage.room.totals.sent_packets == len(received) - again
    assert stage.room.totals.resent_packets == again
    totals = replace(stage.room.totals)
    places = [place for browser in browsers for place in browser.viewer.places]
    assert totals.sent_payload_bytes == sum(place.sent_payload_bytes for place in places)
    for browser in browsers:
        stage.endpoint.end(browser.session_id, "kicked", stage.now_us)
    assert (stage.room.viewers, stage.room.totals) == ([], totals)


def test_who_comes_before_the_first_keyframe_waits_for_it_and_sound_begins_with_the_picture() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.show(picture(0), picture(1))
    assert browser.received == []
    begin = stage.room.channel.video.ring.next_index
    stage.show(picture(2, is_keyframe=True))
    stage.run(FRAME_US)
    assert payloads(browser) == clear(stage, begin)
    audio = browser.viewer.places[1]
    assert audio.next_index == stage.room.channel.audio.ring.next_index


def test_who_wants_sound_alone_gets_it_at_once() -> None:
    stage = Stage()
    browser = stage.browser()
    browser.viewer.video = None
    browser.connect()
    stage.stream(3)
    assert len(browser.received) == 6


def without_pictures(stage: Stage) -> Browser:
    browser = stage.browser()
    browser.viewer.video, browser.viewer.awaits_pictures = None, True
    browser.connect()
    return browser


def test_a_channel_of_sound_alone_is_heard_at_once_and_its_times_are_told() -> None:
    stage = Stage()
    payloads = payloads_of(encoded_stream(50, video=None, audio="libopus"))
    half = len(payloads) // 2
    stage.endpoint.take(CHANNEL, payloads[:half], stage.now_us)
    before = stage.room.channel.audio.ring.next_index
    browser = without_pictures(stage)
    stage.endpoint.take(CHANNEL, payloads[half:], stage.now_us)
    stage.play()
    assert len(browser.received) == stage.room.channel.audio.ring.next_index - before > 10
    stage.run(REPORT_INTERVAL_US)
    reports = [one for packet in browser.reports for one in decode_compound(packet)]
    assert {one.ssrc for one in reports if isinstance(one, SenderReport)} == {stage.room.channel.audio.ssrc}


def test_who_agreed_on_pictures_agrees_anew_where_there_are_none_and_the_other_way_round() -> None:
    radio, film = (payloads_of(encoded_stream(10, video=video, audio="libopus")) for video in (None, "libx264"))
    stage = Stage()
    expects, awaits = stage.joined(), without_pictures(stage)
    wants_sound = without_pictures(stage)
    wants_sound.viewer.awaits_pictures = False
    stage.endpoint.take(CHANNEL, radio, stage.now_us)
    assert stage.ended == [(expects.session_id, "codec_changed")]
    stage.endpoint.take(CHANNEL, film, stage.now_us)
    assert stage.ended[1:] == [(awaits.session_id, "codec_changed")]
    shown = stage.joined()
    stage.endpoint.take(CHANNEL, radio, stage.now_us)
    assert len(stage.ended) == 2
    assert {shown.session_id, wants_sound.session_id} <= set(stage.endpoint.sessions)


def test_who_cannot_decode_begins_again_with_the_newest_keyframe_but_not_all_the_time() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(30, keyframe_each=25)
    begin = stage.room.channel.video.ring.keyframe_index
    assert begin is not None
    before = len(payloads(browser))
    stage.room.restart(browser.viewer, stage.now_us)
    stage.run(FRAME_US)
    assert payloads(browser)[before:] == clear(stage, begin)
    assert_gapless(browser)
    stage.stream(1, keyframe_each=25)
    after = len(payloads(browser))
    stage.room.restart(browser.viewer, stage.now_us)
    stage.run(FRAME_US)
    assert len(payloads(browser)) == after
    stage.run(RESTART_INTERVAL_US)
    stage.stream(1, keyframe_each=25)
    assert_gapless(browser)
    stamps = [one.timestamp for one in browser.pictures()]
    assert all(timestamp_distance(one, other) >= 0 for one, other in pairwise(stamps))


def test_who_asks_for_keyframes_without_end_begins_again_so_often_in_the_time_of_a_backlog() -> None:
    stage = Stage()
    browser = stage.joined(has_audio=False)
    begun = set()
    end_us = stage.now_us + 2 * RESTARTS_US
    while stage.now_us < end_us:
        stage.stream(1, keyframe_each=10)
        stage.run(RESTART_INTERVAL_US)
        stage.room.restart(browser.viewer, stage.now_us)
        begun.add(browser.viewer.restarted_us)
    # The first is that with which it joined.
    assert len(begun) == 1 + 2 * MAX_RESTARTS
    assert_gapless(browser)


def test_who_has_left_gets_nothing_more() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(2)
    stage.room.remove(browser.viewer)
    stage.room.remove(browser.viewer)
    before = len(browser.received)
    stage.stream(2)
    assert len(browser.received) == before


def test_one_that_is_behind_when_its_place_is_forgotten_goes_on_with_the_newest_keyframe() -> None:
    stage = Stage()
    stage.stream(40, keyframe_each=1_000)
    browser = stage.joined()
    for _ in range(2):
        stage.now_us += 2_000_000
        stage.room.channel.take_units([picture(600, is_keyframe=True)], stage.now_us)
    stage.room.forward(stage.now_us)
    begin = stage.room.channel.video.ring.keyframe_index
    assert begin is not None
    stage.run(FRAME_US)
    assert payloads(browser)[-3:] == clear(stage, begin)


def test_what_a_producer_that_is_gone_has_shown_is_not_shown_again() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(10)
    before = len(browser.received)
    stage.run(LIVE_US)
    late = stage.joined()
    stage.room.restart(browser.viewer, stage.now_us)
    stage.run(FRAME_US)
    assert late.received == []
    assert len(browser.received) == before
    stage.show(picture(500, is_keyframe=True))
    stage.run(FRAME_US)
    assert len(late.pictures()) == 3
