"""The WebRTC endpoint: whose datagram is whose, and how sessions begin and end."""

from collections.abc import MutableMapping
from random import Random
from typing import Any

import pytest
import structlog.testing
from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.recoder import Recoder
from tests.support.reordered import B_FRAMES
from tests.support.rtc_peers import check
from tests.support.rtc_stage import BROKER, CHANNEL, Stage, picture

from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints.rtc_channel import RtcChannel
from headrace.endpoints.rtc_endpoint import MAX_ADDRESSES_PER_SESSION
from headrace.endpoints.rtc_room import RtcRoom
from headrace.remux.access_unit import Codec
from headrace.webrtc.ice import make_credentials
from headrace.webrtc.peer import CONSENT_US, SETUP_US, Peer

STRANGER = encode_sockaddr("10.9.9.9", 99)


def test_browsers_come_watch_and_go_and_leave_nothing_behind() -> None:
    stage = Stage()
    browsers = [stage.browser() for _ in range(3)]
    assert stage.endpoint.half_open == 3
    for browser in browsers:
        browser.connect()
    assert stage.endpoint.half_open == 0
    stage.stream(3)
    assert all(len(browser.received) > 9 for browser in browsers)
    assert stage.endpoint.end("session-1", "kicked", stage.now_us)
    assert not stage.endpoint.end("session-1", "kicked", stage.now_us)
    stage.play()
    assert browsers[0].ends == ["dtls_closed"]
    assert stage.ended == [("session-1", "kicked")]
    stage.endpoint.close(stage.now_us)
    assert {reason for _, reason in stage.ended} == {"kicked", "closed"}
    assert stage.endpoint.sessions == {}
    assert stage.room.viewers == []
    assert stage.endpoint.poll_timer() is None


def test_a_browser_that_closes_is_gone_at_once() -> None:
    stage = Stage()
    browser = stage.joined()
    browser.peer.close(stage.now_us)
    stage.hand_over([(one, browser.address) for one, _ in iter(browser.peer.poll_datagram, None)])
    assert stage.ended == [("session-1", "dtls_closed")]


def test_who_never_calls_and_who_falls_silent_are_forgotten_in_time() -> None:
    stage = Stage()
    stage.browser()
    stage.run(SETUP_US - 1)
    assert stage.ended == []
    stage.run(1)
    assert stage.ended == [("session-1", "ice_timeout")]
    assert stage.endpoint.half_open == 0
    stage.joined()
    stage.run(CONSENT_US - 1)
    assert len(stage.ended) == 1
    stage.run(1)
    assert stage.ended[1] == ("session-2", "consent_expired")


def test_what_strangers_send_is_counted_and_answered_by_nothing() -> None:
    stage = Stage()
    browser = stage.joined()
    unknown = make_credentials(Random(99).randbytes)
    datagrams = [b"\x80" + bytes(30), b"\x16" + bytes(30), b"", b"\x00" * 40, check(to=unknown)]
    stage.hand_over([(datagram, STRANGER) for datagram in datagrams])
    assert stage.outbox.take() == []
    assert stage.endpoint.ignored_packets == {"unknown_peer": len(datagrams)}
    assert browser.viewer.peer.ignored_packets == {}


def test_a_check_with_a_wrong_password_takes_nobody_s_address() -> None:
    stage = Stage()
    browser, other = stage.joined(), stage.browser()
    wrong = check(to=other._ours, by=other._theirs, key=b"wrong" * 5)
    stage.hand_over([(wrong, browser.address)])
    stage.stream(2)
    assert len(browser.received) > 5
    browser.send_rtcp(b"\x80\xc9\x00\x01" + bytes(4))
    assert browser.viewer.peer.ignored_packets == {}
    assert other.viewer.peer.ignored_packets["ice_integrity"] == 1


def test_checks_with_a_wrong_password_make_no_address_known_and_push_none_out() -> None:
    stage = Stage()
    browser, waiting = stage.joined(), stage.browser()
    wrong = check(to=browser._ours, by=browser._theirs, key=b"wrong" * 5)
    forged = [encode_sockaddr("10.7.0.1", 1_000 + number) for number in range(MAX_ADDRESSES_PER_SESSION + 1)]
    stage.hand_over([(wrong, address) for address in forged])
    assert browser.session.addresses == [browser.address]
    stage.hand_over([(check(to=waiting._ours, by=waiting._theirs), waiting.address), (wrong, waiting.address)])
    assert waiting.session.addresses == [waiting.address]
    assert stage.endpoint._session_of(b"\x16" + bytes(30), waiting.address) is waiting.session
    browser.send_rtcp(b"\x80\xc9\x00\x01" + bytes(4))
    assert browser.viewer.peer.ignored_packets == {"ice_integrity": len(forged) + 1}


def test_a_session_has_so_many_addresses_and_the_oldest_is_forgotten() -> None:
    stage = Stage()
    browser = stage.browser()
    for number in range(MAX_ADDRESSES_PER_SESSION + 3):
        address = encode_sockaddr("10.7.0.1", 1_000 + number)
        stage.hand_over([(check(to=browser._ours, by=browser._theirs), address)])
    assert len(browser.session.addresses) == MAX_ADDRESSES_PER_SESSION
    assert len(stage.endpoint._by_address) == MAX_ADDRESSES_PER_SESSION


def test_after_an_ice_restart_checks_with_the_new_credentials_are_taken_and_the_old_ones_forgotten() -> None:
    stage = Stage()
    browser = stage.joined()
    for seed in (50, 60):
        local, remote = make_credentials(Random(seed).randbytes), make_credentials(Random(seed + 1).randbytes)
        assert stage.endpoint.restart_ice("session-1", local, remote)
        stage.hand_over([(check(to=local, by=remote), browser.address)])
        assert [datagram[0] for datagram, _ in stage.outbox.take()] == [1]
    assert len(browser.session.local_ufrags) == 2
    assert not stage.endpoint.restart_ice("nobody", local, remote)
    stage.endpoint.close(stage.now_us)
    assert stage.endpoint._by_ufrag == {}


def test_a_room_is_opened_once_and_what_comes_for_a_closed_one_is_passed_over() -> None:
    stage = Stage()
    assert stage.endpoint.open_room(CHANNEL) is stage.room
    stage.endpoint.close_room(CHANNEL)
    stage.endpoint.close_room(CHANNEL)
    stage.endpoint.take(CHANNEL, [bytes(188)], stage.now_us)
    assert stage.endpoint.open_room(CHANNEL) is not stage.room


def test_what_one_viewer_sends_that_is_malformed_does_not_hold_up_another() -> None:
    stage = Stage()
    first, second = stage.joined(), stage.joined()
    stage.hand_over([(bytes([first_byte]) * 60, first.address) for first_byte in range(256)])
    stage.show(picture(0, is_keyframe=True))
    stage.run(10_000)
    assert len(second.pictures()) == 3


def test_who_cannot_play_what_the_channel_has_now_is_sent_away_to_agree_anew() -> None:
    stage = Stage()
    browser = stage.joined()
    stage.stream(2)
    hevc = encoded_stream(5, video="libx265", video_options={"x265-params": "bframes=0:log-level=none"})
    stage.endpoint.take(CHANNEL, payloads_of(hevc), stage.now_us)
    assert stage.ended == [("session-1", "codec_changed")]
    assert stage.room.channel.video.codec is Codec.HEVC
    stage.play()
    assert browser.ends == ["dtls_closed"]


def test_pictures_that_no_browser_can_play_are_told_of_once_and_end_who_watches() -> None:
    stage = Stage()
    stage.joined()
    options = {"bf": "2", "g": "25", "preset": "ultrafast", "b-adapt": "0"}
    payloads = payloads_of(encoded_stream(10, video_options=options))
    with structlog.testing.capture_logs() as logs:
        for payload in payloads:
            stage.endpoint.take(CHANNEL, [payload], stage.now_us)
    assert stage.ended == [("session-1", "not_playable")]
    (said,) = [line for line in logs if line["event"] == "browsers cannot play a channel"]
    assert "B-frames" in said["why"]


def test_re_encoded_pictures_go_to_who_watches_and_are_passed_over_where_nobody_does() -> None:
    stage = Stage()
    recoder = Recoder()
    room = stage.endpoint.open_room("recoded", recoder=recoder)
    with structlog.testing.capture_logs() as logs:
        for payload in payloads_of(encoded_stream(10, video_options=B_FRAMES)):
            stage.endpoint.take("recoded", [payload], stage.now_us)
    assert logs == [{"event": "B-frames: re-encoded for browsers", "channel": "recoded", "log_level": "info"}]
    begin = room.channel.video.ring.next_index
    stage.endpoint.take_pictures("recoded", [picture(0, is_keyframe=True)], stage.now_us)
    assert room.channel.video.ring.next_index == begin + 3
    stage.endpoint.close_room("recoded")
    assert recoder.ends == 1
    stage.endpoint.take_pictures("recoded", [picture(1)], stage.now_us)
    assert room.channel.video.ring.next_index == begin + 3


def told_bugs(logs: list[MutableMapping[str, Any]]) -> list[tuple[str, int]]:
    """Return the channel and the number of sessions of each bug that was told."""
    return [(log["channel"], log["sessions"]) for log in logs if log["log_level"] == "error"]


def test_a_bug_at_one_session_s_datagram_ends_it_and_the_others_of_the_batch_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    first, second = stage.joined(), stage.joined()
    really = Peer.handle_datagram

    def handle(peer: Peer, datagram: bytes, address: bytes, now_us: int) -> None:
        if peer is first.viewer.peer:
            raise ZeroDivisionError
        really(peer, datagram, address, now_us)

    monkeypatch.setattr(Peer, "handle_datagram", handle)
    with structlog.testing.capture_logs() as logs:
        stage.hand_over([(check(to=one._ours, by=one._theirs), one.address) for one in (first, second)])
    assert told_bugs(logs) == [(CHANNEL, 1)]
    assert stage.ended == [("session-1", "bug")]
    assert [address for _, address in stage.outbox.take()][-1] == second.address


def test_a_bug_in_what_comes_of_one_session_ends_it_and_the_others_of_the_batch_go_on() -> None:
    stage = Stage()
    browsers = first, second = stage.browser(), stage.browser()

    def tell(session_id: str) -> None:
        if session_id == first.session_id:
            raise ZeroDivisionError

    stage.endpoint.on_connected = tell
    with structlog.testing.capture_logs() as logs:
        stage.hand_over([(check(to=one._ours, by=one._theirs), one.address) for one in browsers])
        for one in browsers:
            one.peer.handle_datagram(check(to=one._theirs, by=one._ours), BROKER, stage.now_us)
        stage.play()
    assert told_bugs(logs) == [(CHANNEL, 1)]
    assert stage.ended == [("session-1", "bug")]
    assert stage.endpoint.half_open == 0
    stage.stream(3)
    assert len(second.received) > 9


def test_a_bug_in_what_is_due_ends_its_session_and_the_others_are_looked_after() -> None:
    stage = Stage()
    stage.browser()
    stage.browser()
    told = list[str]()

    def tell(session_id: str, _reason: str) -> None:
        told.append(session_id)
        raise ZeroDivisionError

    stage.endpoint.on_ended = tell
    with structlog.testing.capture_logs() as logs:
        stage.run(SETUP_US)
    assert told_bugs(logs) == [(CHANNEL, 1), (CHANNEL, 1)]
    assert told == ["session-1", "session-2"]
    assert stage.endpoint.sessions == {}


class FaultyRoom(RtcRoom):
    """Cannot send what is due."""

    def handle_timer(self, now_us: int) -> None:
        raise ZeroDivisionError


def test_a_bug_in_a_room_ends_its_viewers_and_the_others_are_looked_after() -> None:
    stage = Stage()
    watching, _ = stage.joined(), stage.browser()
    faulty = FaultyRoom(RtcChannel("B", Random(1).randbytes), stage.endpoint._fanout, list)
    faulty.viewers.append(watching.viewer)
    stage.endpoint.rooms = {"B": faulty, **stage.endpoint.rooms}
    with structlog.testing.capture_logs() as logs:
        stage.endpoint.handle_timer(stage.now_us + SETUP_US)
    assert told_bugs(logs) == [("B", 1)]
    assert stage.ended == [("session-1", "bug"), ("session-2", "ice_timeout")]
