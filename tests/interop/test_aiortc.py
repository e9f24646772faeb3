"""aiortc, which has an ICE agent, DTLS and SRTP of its own, on our peer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aioice import ice
from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from tests.support.rtc_peers import OUR_IDENTITY, OURS
from tests.support.rtc_socket import RtcSocket, rtc_socket

from headrace.netio.clock import now_us
from headrace.netio.entropy import random_bytes
from headrace.webrtc.peer import Connected, Peer
from headrace.webrtc.rtcp import ReceiverReport, SenderReport, decode_compound, encode_compound, ntp_time
from headrace.webrtc.rtp import RtpPacket, decode_rtp, encode_rtp
from headrace.webrtc.sdp.answer import Answer, HostCandidate, SentStream, encode_answer
from headrace.webrtc.sdp.choice import answer_producer, answer_viewer
from headrace.webrtc.sdp.offer import Offer, decode_offer

pytestmark = pytest.mark.interop

SSRC = 0x4711
SILENCE = b"\xf8\xff\xfe"
"""20 ms of Opus."""
FRAME_TICKS = 960


@pytest.fixture(autouse=True)
def loopback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have aiortc's agent stay on the loopback interface, which it would leave out."""
    monkeypatch.setattr(ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


async def until(condition: Callable[[], bool], what: str, timeout_s: float = 30) -> None:
    for _ in range(int(timeout_s / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(what)


async def join(there: RTCPeerConnection, here: RtcSocket, answer_with: Callable[[Offer], Answer]) -> Answer:
    """Take aiortc's offer, and give it our answer."""
    await there.setLocalDescription(await there.createOffer())
    offer = decode_offer(there.localDescription.sdp)
    answer = answer_with(offer)
    here.peer = Peer(
        local=OURS,
        remote=offer.ice,
        identity=OUR_IDENTITY,
        remote_fingerprint=offer.fingerprint,
        is_dtls_client=answer.is_dtls_client,
        random_bytes=random_bytes,
        now_us=now_us(),
    )
    text = encode_answer(
        answer,
        candidates=[HostCandidate("127.0.0.1", here.port)],
        fingerprint=OUR_IDENTITY.fingerprint,
        ice=OURS,
        session_number=1,
    )
    await there.setRemoteDescription(RTCSessionDescription(text, "answer"))
    await until(lambda: bool(here.happened), "a connection")
    assert isinstance(here.happened[0], Connected), here.happened
    return answer


async def play(here: RtcSocket, payload_type: int) -> None:
    """Send sound until cancelled, with a report now and then."""
    seqno, timestamp = 65_500, 0
    while True:
        here.send_rtp(encode_rtp(RtpPacket(payload_type, seqno & 0xFFFF, timestamp, SSRC, SILENCE)), seqno)
        if seqno % 25 == 0:
            ntp = ntp_time(1_800_000_000_000_000 + timestamp * 1_000_000 // 48_000)
            here.send_rtcp(encode_compound([SenderReport(SSRC, ntp, timestamp, seqno, 0)]))
        seqno, timestamp = seqno + 1, timestamp + FRAME_TICKS
        await asyncio.sleep(0.02)


async def watch(*, is_dtls_client: bool) -> None:
    there = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = there.addTransceiver("audio", direction="recvonly")
    async with rtc_socket() as here:
        try:
            stream = SentStream(SSRC, "headrace")
            answer = await join(
                there,
                here,
                lambda offer: replace(
                    answer_viewer(offer, video=None, audio_stream=stream), is_dtls_client=is_dtls_client
                ),
            )
            (media,) = answer.media
            assert media.codec is not None
            playing = asyncio.create_task(play(here, media.codec.payload_type))
            try:
                for _ in range(75):  # past the wrap of the sequence number
                    frame = await asyncio.wait_for(transceiver.receiver.track.recv(), 30)
                    assert isinstance(frame, AudioFrame)
                    assert frame.sample_rate == 48_000
                await until(lambda: bool(here.reports), "a report of what was received")
            finally:
                playing.cancel()
            assert any(isinstance(one, ReceiverReport) for one in decode_compound(here.reports[-1]))
            assert here.peer is not None
            assert not here.peer.ignored_packets
        finally:
            await there.close()
        await until(lambda: here.closed == "dtls_closed", "its goodbye")


@pytest.mark.parametrize("is_dtls_client", [False, True])
def test_aiortc_plays_what_we_send_in_either_role_of_dtls(is_dtls_client: bool) -> None:
    asyncio.run(watch(is_dtls_client=is_dtls_client))


async def produce() -> None:
    there = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    there.addTrack(AudioStreamTrack())
    async with rtc_socket() as here:
        try:
            answer = await join(there, here, answer_producer)
            await until(lambda: len(here.packets) >= 50 and bool(here.reports), "a second of sound")
        finally:
            await there.close()
        (media,) = answer.media
        assert media.codec is not None
        packets = [decode_rtp(packet) for packet in here.packets]
        assert {packet.payload_type for packet in packets} == {media.codec.payload_type}
        assert [packet.seqno - packets[0].seqno & 0xFFFF for packet in packets] == list(range(len(packets)))
        assert any(isinstance(one, SenderReport) for one in decode_compound(here.reports[0]))


def test_aiortc_produces_and_we_open_every_packet() -> None:
    asyncio.run(produce())
