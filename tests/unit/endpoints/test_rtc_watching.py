"""The session of a browser that watches: reports both ways."""

import pytest
from tests.support.rtc_stage import FRAME_US, START_UNIX_US, Stage, picture

from headrace.endpoints.rtc_session import MAX_REPORT_BYTES, PACKET_BYTES
from headrace.endpoints.rtc_watching import REPORT_INTERVAL_US
from headrace.webrtc.rtcp import (
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    decode_compound,
    encode_compound,
    middle_of,
    ntp_time,
    unix_time_us,
)


def test_each_second_both_streams_are_tied_to_one_wall_clock() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(60)
    reports = [one for packet in browser.reports for one in decode_compound(packet)]
    tied = {one.ssrc: one for one in reports if isinstance(one, SenderReport)}
    channel = stage.room.channel
    assert set(tied) == {channel.video.ssrc, channel.audio.ssrc}
    video, audio = tied[channel.video.ssrc], tied[channel.audio.ssrc]
    assert video.ntp_time == audio.ntp_time
    now_us = unix_time_us(video.ntp_time) - START_UNIX_US
    pts_90khz = channel.line.pts_at(now_us)
    assert pts_90khz is not None
    assert video.rtp_timestamp == channel.video.timestamp_at(pts_90khz)
    assert audio.rtp_timestamp == channel.audio.timestamp_at(pts_90khz)
    assert 0 < video.packets <= browser.viewer.places[0].sent_packets
    assert video.payload_bytes > 2_000 * video.packets // 3
    names = {one.names for one in reports if isinstance(one, SourceDescription)}
    assert names == {((ssrc, channel.cname),) for ssrc in tied}
    assert len(reports) // 4 in {2, 3}


def test_what_got_lost_is_sent_again() -> None:
    stage = Stage()
    browser = stage.joined(rtx=None, has_audio=False)
    stage.stream(3)
    before = len(browser.received)
    stage.drops = lambda datagram: datagram[0] >= 128
    stage.stream(1)
    stage.drops = lambda _: False
    lost = browser.viewer.places[0].sent_packets - before
    first = browser.received[-1].seqno + 1
    seqnos = tuple((first + step) & 0xFFFF for step in range(lost))
    browser.send_rtcp(encode_compound([Nack(1, stage.room.channel.video.ssrc, seqnos)]))
    assert [one.seqno for one in browser.received[before:]] == list(seqnos)
    assert browser.viewer.naks_packets == lost


def test_what_is_asked_for_again_and_again_is_sent_again_once_in_a_round_trip() -> None:
    stage = Stage()
    browser = stage.joined(has_audio=False)
    stage.stream(30)
    newest = browser.received[-1].seqno
    seqnos = tuple((newest - step) & 0xFFFF for step in range(16, -1, -1))
    place = browser.viewer.places[0]
    compound = encode_compound([Nack(1, place.stream.ssrc, seqnos * 10) for _ in range(5)])
    for _ in range(3):
        browser.send_rtcp(compound)
    assert place.resent_packets == len(seqnos)
    assert browser.viewer.naks_packets == 3 * len(seqnos)


def test_who_asks_for_more_than_it_was_sent_is_refused_and_that_is_counted() -> None:
    stage = Stage()
    browser = stage.joined(has_audio=False)
    stage.stream(30)
    place = browser.viewer.places[0]
    newest = browser.received[-1].seqno
    kept = place.stream.ring.next_index - place.stream.ring.first_index
    seqnos = tuple((newest - step) & 0xFFFF for step in range(kept - 1, -1, -1))
    for _ in range(10):
        browser.send_rtcp(encode_compound([Nack(1, place.stream.ssrc, seqnos)]))
        stage.now_us += 20_000
    assert kept < place.resent_packets <= place.sent_packets + 2
    assert browser.viewer.peer.ignored_packets["resends_beyond_budget"] == 10 * kept - place.resent_packets


def test_a_browser_may_say_so_much_and_more_is_dropped_and_counted() -> None:
    stage = Stage()
    browser = stage.joined(has_audio=False)
    stage.stream(3)
    place = browser.viewer.places[0]
    names_all = encode_compound([Nack(1, place.stream.ssrc, tuple(range(5_000)))])
    most = MAX_REPORT_BYTES // (len(names_all) + PACKET_BYTES)
    for _ in range(most):
        browser.send_rtcp(names_all)
    assert "too_many_reports" not in browser.viewer.peer.ignored_packets
    before = browser.viewer.naks_packets
    browser.send_rtcp(names_all)
    assert browser.viewer.naks_packets == before
    assert browser.viewer.peer.ignored_packets["too_many_reports"] == 1
    stage.run(1_000_000)
    browser.send_rtcp(names_all)
    assert browser.viewer.naks_packets > before


@pytest.mark.parametrize("wish", ["picture loss", "full intra"])
def test_who_wants_a_keyframe_begins_again_with_the_newest(wish: str) -> None:
    stage = Stage()
    browser = stage.joined(has_audio=False)
    stage.stream(30)
    before = len(browser.received)
    ssrc = stage.room.channel.video.ssrc
    one = PictureLossIndication(1, ssrc) if wish == "picture loss" else FullIntraRequest(1, ((ssrc, 1),))
    browser.send_rtcp(encode_compound([one]))
    stage.run(FRAME_US)
    begin = stage.room.channel.video.ring.keyframe_index
    assert begin is not None
    assert len(browser.received) - before == stage.room.channel.video.ring.next_index - begin
    assert browser.viewer.keyframe_requests == 1


def test_the_way_is_measured_from_reports() -> None:
    stage = Stage()
    browser = stage.joined()
    ssrc = stage.room.channel.video.ssrc
    sent = middle_of(ntp_time(START_UNIX_US + stage.now_us - 70_000))
    block = ReportBlock(ssrc, fraction_lost=64, last_report=sent, delay=65536 // 50)
    browser.send_rtcp(encode_compound([ReceiverReport(1, (block,)), ReceiverEstimate(1, 3_000_000, (ssrc,))]))
    viewer = browser.viewer
    assert viewer.lost_fraction == 0.25
    assert viewer.rtt_us is not None
    assert abs(viewer.rtt_us - 50_000) < 100
    assert viewer.estimate_bps is not None
    assert abs(viewer.estimate_bps - 3_000_000) < 100


def test_a_round_trip_is_not_negative_where_a_delay_was_rounded_up() -> None:
    stage = Stage()
    browser = stage.joined()
    ssrc = stage.room.channel.video.ssrc
    sent = middle_of(ntp_time(START_UNIX_US + stage.now_us))
    block = ReportBlock(ssrc, last_report=sent, delay=3)
    browser.send_rtcp(encode_compound([ReceiverReport(1, (block,))]))
    assert browser.viewer.rtt_us == 0


def test_reports_that_make_no_sense_are_counted_and_those_of_others_passed_over() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(1)
    browser.send_rtcp(b"\x81\xc9\x00\x01" + bytes(4))
    assert browser.viewer.peer.ignored_packets == {"rtcp_body": 1}
    browser.send_rtcp(encode_compound([ReceiverReport(1, (ReportBlock(7, 10),)), Nack(1, 7, (0,))]))
    assert (browser.viewer.lost_fraction, browser.viewer.naks_packets) == (0.0, 0)


def test_nothing_is_reported_before_anything_was_sent() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.run(3 * REPORT_INTERVAL_US)
    assert browser.reports == []
    stage.show(picture(0, is_keyframe=True))
    stage.run(REPORT_INTERVAL_US)
    assert len(browser.reports) == 1
