"""One light viewer against the library's own peer connection, which is the broker's."""

from random import Random

import pytest
from tests.support.rtc_peers import OUR_IDENTITY, OURS, THEIR_IDENTITY, events, sent

from headrace.base.sockaddr import encode_sockaddr
from headrace.bench.light_viewer import CHECK_AGAIN_US, CONSENT_US, REPORT_US, LightViewer
from headrace.bench.loopback_port import LoadError
from headrace.webrtc.peer import CONSENT_US as GIVE_UP_US
from headrace.webrtc.peer import Connected, Peer, RtcpReceived
from headrace.webrtc.rtcp import ReceiverEstimate, ReceiverReport, SenderReport, decode_compound, encode_compound
from headrace.webrtc.sdp.answer import SentStream, encode_answer
from headrace.webrtc.sdp.choice import answer_viewer
from headrace.webrtc.sdp.offer import decode_offer
from headrace.webrtc.stun import MessageType, decode_message

HERE = encode_sockaddr("127.16.0.5", 4000)
ELSEWHERE = encode_sockaddr("127.16.0.6", 4000)
SSRC = 77


class Call:
    """A viewer that has an answer, and the broker's end."""

    def __init__(self, *, address: bytes = HERE) -> None:
        self.viewer = LightViewer(address, THEIR_IDENTITY, Random(5).randbytes)
        offer = decode_offer(self.viewer.offer)
        answer = answer_viewer(offer, video="h264", video_stream=SentStream(SSRC, "name", SSRC ^ 1))
        self.peer = Peer(
            local=OURS,
            remote=offer.ice,
            identity=OUR_IDENTITY,
            remote_fingerprint=offer.fingerprint,
            is_dtls_client=answer.is_dtls_client,
            random_bytes=Random(6).randbytes,
            now_us=0,
        )
        sdp = encode_answer(
            answer, candidates=[], fingerprint=OUR_IDENTITY.fingerprint, ice=OURS, session_number=1
        )
        self.viewer.take_answer(sdp, 0)

    def play(self, now_us: int = 0) -> None:
        self.viewer.handle_timer(now_us)
        while datagrams := self.viewer.poll_datagrams():
            for datagram in datagrams:
                self.peer.handle_datagram(datagram, HERE, now_us)
            for answer, _ in sent(self.peer):
                self.viewer.handle_datagram(answer, now_us)
        assert not self.peer.ignored_packets


def test_a_viewer_checks_shakes_hands_and_has_keys() -> None:
    call = Call()
    assert call.viewer.poll_timer() == 0
    call.play()
    assert call.viewer.is_checked
    assert call.viewer.is_connected
    assert call.viewer.ssrc == SSRC
    assert [type(event) for event in events(call.peer)] == [Connected]
    assert call.viewer.opener is not None
    assert call.peer.sealer is not None
    room, clear = memoryview(bytearray(200)), b"\x80\x66" + bytes(60)
    sealed = bytes(room[: call.peer.sealer.seal_into(clear, 0, room)])
    assert call.viewer.opener.open_rtp(sealed) == clear


def test_a_check_is_repeated_until_it_is_answered_and_then_keeps_consent_alive() -> None:
    call = Call()
    call.viewer.handle_timer(0)
    lost = call.viewer.poll_datagrams()
    assert call.viewer.poll_timer() == CHECK_AGAIN_US
    call.viewer.handle_timer(CHECK_AGAIN_US)
    again = call.viewer.poll_datagrams()
    assert decode_message(lost[0]).transaction_id != decode_message(again[0]).transaction_id
    call.viewer.handle_timer(2 * CHECK_AGAIN_US)
    call.peer.handle_datagram(call.viewer.poll_datagrams()[0], HERE, 2 * CHECK_AGAIN_US)
    for answer, _ in sent(call.peer):
        call.viewer.handle_datagram(answer, 2 * CHECK_AGAIN_US)
    now_us = 2 * CHECK_AGAIN_US
    call.play(now_us)
    while now_us < GIVE_UP_US + CONSENT_US:
        now_us += CONSENT_US
        call.play(now_us)
        call.peer.handle_timer(now_us)
    assert call.peer.close_reason is None
    assert call.viewer.answered_checks == 1 + now_us // CONSENT_US


def test_its_reports_say_what_it_got_and_when_it_heard_the_sender() -> None:
    call = Call()
    call.play()
    events(call.peer)
    assert call.peer.sealer is not None
    assert call.viewer.poll_report(5, 1, REPORT_US - 1) is None
    heard = encode_compound([SenderReport(SSRC, 0x1_2345_6789_ABCD, 0, 0, 0)])
    call.viewer.handle_rtcp(call.peer.sealer.seal_rtcp(heard), 400_000)
    report = call.viewer.poll_report(0x1_0005, 3, REPORT_US)
    assert report is not None
    call.peer.handle_datagram(report, HERE, REPORT_US)
    (event,) = events(call.peer)
    assert isinstance(event, RtcpReceived)
    said, estimate = decode_compound(event.packet)
    assert isinstance(said, ReceiverReport)
    assert isinstance(estimate, ReceiverEstimate)
    (block,) = said.reports
    assert (block.ssrc, block.highest_seqno, block.lost_packets) == (SSRC, 0x1_0005, 3)
    assert (block.last_report, block.delay) == (0x2345_6789, 600_000 * 65_536 // 1_000_000)
    assert call.viewer.poll_report(0, 0, REPORT_US) is None


def test_an_answer_to_a_check_that_names_another_address_is_a_failure() -> None:
    call = Call(address=ELSEWHERE)
    with pytest.raises(LoadError, match="address"):
        call.play()


def test_an_answer_of_who_does_not_know_the_password_is_a_failure() -> None:
    call = Call()
    call.viewer.handle_timer(0)
    call.peer.handle_datagram(call.viewer.poll_datagrams()[0], HERE, 0)
    ((answer, _),) = sent(call.peer)
    assert decode_message(answer).message_type == MessageType.SUCCESS
    at = answer.index(b"\x00\x08\x00\x14") + 4
    forged = answer[:at] + bytes(20)
    with pytest.raises(LoadError, match="password"):
        call.viewer.handle_datagram(_with_length(forged), 0)


def _with_length(message: bytes) -> bytes:
    return message[:2] + (len(message) - 20).to_bytes(2, "big") + message[4:]


@pytest.mark.parametrize("changed", [("setup:passive", "setup:active"), ("a=ssrc:", "a=x-ssrc:")])
def test_an_answer_that_is_none_for_a_viewer_is_a_failure(changed: tuple[str, str]) -> None:
    call = Call()
    offer = decode_offer(call.viewer.offer)
    answer = answer_viewer(offer, video="h264", video_stream=SentStream(SSRC, "name"))
    sdp = encode_answer(answer, candidates=[], fingerprint=OUR_IDENTITY.fingerprint, ice=OURS, session_number=1)
    with pytest.raises(LoadError, match="streams"):
        LightViewer(HERE, THEIR_IDENTITY, Random(5).randbytes).take_answer(sdp.replace(*changed), 0)


def test_either_side_can_say_goodbye() -> None:
    leaving, kicked = Call(), Call()
    for call in leaving, kicked:
        call.play()
    leaving.viewer.close(1)
    leaving.play(1)
    assert leaving.peer.close_reason == "dtls_closed"
    kicked.peer.close(1)
    for datagram, _ in sent(kicked.peer):
        kicked.viewer.handle_datagram(datagram, 1)
    assert kicked.viewer.close_reason == "dtls_closed"
    assert kicked.viewer.poll_timer() is None
