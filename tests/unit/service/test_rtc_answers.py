from random import Random

import pytest
from tests.support.encoded_streams import encoded_stream, payloads_of
from tests.support.offers import CHROMIUM_WHEP, CHROMIUM_WHIP, OBS_WHIP

from headrace.endpoints.rtc_channel import RtcChannel
from headrace.endpoints.rtc_inbound import InboundNumbers
from headrace.endpoints.rtc_rids import LayerNumbers
from headrace.remux.access_unit import Codec
from headrace.service.rtc_answers import (
    answer_camera,
    answer_watcher,
    awaits_pictures,
    first_mid,
    inbound_numbers,
    layer_numbers,
    places_in,
)
from headrace.srt.rejection import RejectReason
from headrace.web.gateway import GatewayRefusal
from headrace.webrtc.sdp.offer import decode_offer


def live_channel() -> RtcChannel:
    channel = RtcChannel("A", Random(1).randbytes)
    channel.take(payloads_of(encoded_stream(10, audio="libopus")), 5_000_000)
    return channel


def test_who_watches_gets_the_channels_streams_under_the_numbers_of_its_own_offer() -> None:
    channel = live_channel()
    answer = answer_watcher(decode_offer(CHROMIUM_WHEP), channel)
    video, audio = places_in(answer, channel)
    assert video is not None
    assert audio is not None
    assert (video.stream, audio.stream) == channel.streams
    assert (video.numbers.codec, audio.numbers.codec) == (Codec.H264, Codec.OPUS)
    assert f"a=rtpmap:{video.numbers.payload_type} H264/90000" in CHROMIUM_WHEP
    assert f"a=fmtp:{video.numbers.rtx_payload_type} apt={video.numbers.payload_type}" in CHROMIUM_WHEP
    assert [one.stream.ssrc for one in answer.media if one.stream] == [channel.video.ssrc, channel.audio.ssrc]
    assert first_mid(answer) == answer.media[0].offer.mid


def test_who_wants_no_sound_has_no_place_for_it() -> None:
    offer = decode_offer(CHROMIUM_WHEP.replace("m=audio 9 ", "m=audio 0 "))
    channel = live_channel()
    video, audio = places_in(answer_watcher(offer, channel), channel)
    assert video is not None
    assert audio is None


def test_of_a_channel_of_sound_alone_the_sound_is_sent_and_pictures_are_awaited_by_who_would_take_them() -> None:
    channel = RtcChannel("A", Random(1).randbytes)
    channel.take(payloads_of(encoded_stream(10, video=None, audio="libopus")), 5_000_000)
    answer = answer_watcher(decode_offer(CHROMIUM_WHEP), channel)
    video, audio = places_in(answer, channel)
    assert (video, awaits_pictures(answer)) == (None, True)
    assert audio is not None
    assert first_mid(answer) == "0"
    listener = decode_offer(CHROMIUM_WHEP.replace("m=video 9 ", "m=video 0 "))
    assert not awaits_pictures(answer_watcher(listener, channel))
    assert not awaits_pictures(answer_watcher(decode_offer(CHROMIUM_WHEP), live_channel()))


def test_who_offers_to_send_cannot_watch_and_who_offers_to_receive_cannot_produce() -> None:
    with pytest.raises(GatewayRefusal, match="recvonly") as refused:
        answer_watcher(decode_offer(CHROMIUM_WHIP), live_channel())
    assert refused.value.code == RejectReason.UNACCEPTABLE
    with pytest.raises(GatewayRefusal, match="sendonly") as refused:
        answer_camera(decode_offer(CHROMIUM_WHEP))
    assert refused.value.code == RejectReason.UNACCEPTABLE


def test_a_browser_is_asked_for_its_layers_and_its_streams_are_known_the_picture_first() -> None:
    answer = answer_camera(decode_offer(CHROMIUM_WHIP))
    assert [numbers.codec for numbers in inbound_numbers(answer)] == [Codec.H264, Codec.OPUS]
    assert layer_numbers(answer) == LayerNumbers(("h", "l"), 10, 11)
    of_obs = answer_camera(decode_offer(OBS_WHIP))
    assert inbound_numbers(of_obs) == [InboundNumbers(Codec.H264, 96), InboundNumbers(Codec.OPUS, 111)]
    assert layer_numbers(of_obs) is None


@pytest.mark.parametrize(
    ("line", "instead"),
    [("a=simulcast:send h;l", "a=simulcast:send h"), ("sdes:rtp-stream-id", "another")],
)
def test_a_layer_that_has_no_others_or_cannot_be_told_from_them_is_taken_without_its_name(
    line: str, instead: str
) -> None:
    assert line in CHROMIUM_WHIP
    answer = answer_camera(decode_offer(CHROMIUM_WHIP.replace(line, instead)))
    assert layer_numbers(answer) is None
    assert all(one.rids == () for one in answer.media)
