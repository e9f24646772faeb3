from tests.support.offers import CHROMIUM_WHEP, CHROMIUM_WHIP, FFMPEG_WHIP, FINGERPRINT

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.answer import Answer, HostCandidate, SentStream, encode_answer
from headrace.webrtc.sdp.choice import answer_producer, answer_viewer
from headrace.webrtc.sdp.lines import decode_sections
from headrace.webrtc.sdp.offer import decode_offer

ICE = IceCredentials("abcd", "p" * 24)
VIDEO, AUDIO = SentStream(11, "headrace", 12), SentStream(13, "headrace")


def encode(answer: Answer, *hosts: str) -> str:
    candidates = [HostCandidate(host, 8889) for host in hosts or ("192.0.2.1",)]
    return encode_answer(answer, candidates=candidates, fingerprint=FINGERPRINT, ice=ICE, session_number=7)


def whep() -> str:
    offer = decode_offer(CHROMIUM_WHEP)
    return encode(answer_viewer(offer, video="h264", video_stream=VIDEO, audio_stream=AUDIO))


def test_an_answer_can_be_read_like_an_offer() -> None:
    read = decode_offer(whep())
    assert (read.ice, read.fingerprint, read.setup, read.bundle) == (ICE, FINGERPRINT, "passive", ("0", "1"))
    video, audio = read.media
    assert (video.direction, video.ssrcs, video.codecs[0].rtx_payload_type) == ("sendonly", (11, 12), 103)
    assert video.codecs[0].feedback == {"nack", "nack pli", "ccm fir", "goog-remb"}
    assert (audio.codecs[0].name, audio.codecs[0].parameters["stereo"]) == ("opus", "1")


def test_each_address_is_a_candidate_and_the_first_is_preferred() -> None:
    offer = decode_offer(CHROMIUM_WHEP)
    text = encode(answer_viewer(offer, video="h264", video_stream=VIDEO), "192.0.2.1", "2001:db8::1")
    _, video, _ = decode_sections(text)
    assert video.all("candidate") == [
        "1 1 udp 2130706431 192.0.2.1 8889 typ host",
        "2 1 udp 2130706175 2001:db8::1 8889 typ host",
    ]
    assert "a=ice-lite\r\n" in text


def test_a_section_that_is_refused_has_port_0_and_is_not_bundled() -> None:
    text = encode(answer_viewer(decode_offer(CHROMIUM_WHEP), video="h264", video_stream=VIDEO))
    session, video, audio = decode_sections(text)
    assert session.first("group") == "BUNDLE 0"
    assert audio.media.startswith("audio 0 UDP/TLS/RTP/SAVPF ")
    assert audio.has("inactive")
    assert video.media.startswith("video 8889 UDP/TLS/RTP/SAVPF ")


def test_a_section_in_which_nothing_is_sent_is_bundled() -> None:
    text = encode(answer_viewer(decode_offer(CHROMIUM_WHEP), video=None, audio_stream=AUDIO))
    session, video, audio = decode_sections(text)
    assert session.first("group") == "BUNDLE 0 1"
    assert video.media.startswith("video 8889 UDP/TLS/RTP/SAVPF ")
    assert (video.has("inactive"), video.first("msid"), video.all("ssrc")) == (True, None, [])
    assert audio.media == "audio 8889 UDP/TLS/RTP/SAVPF 111"


def test_what_was_not_offered_in_a_bundle_is_not_answered_in_one() -> None:
    alone = CHROMIUM_WHEP[: CHROMIUM_WHEP.index("m=audio")].replace("a=group:BUNDLE 0 1\n", "")
    text = encode(answer_viewer(decode_offer(alone), video="h264", video_stream=VIDEO))
    session, video = decode_sections(text)
    assert session.all("group") == []
    assert video.media.startswith("video 8889 ")


def test_layers_are_taken_as_they_were_offered() -> None:
    text = encode(answer_producer(decode_offer(CHROMIUM_WHIP), max_video_kbps=4_000))
    _, video, _ = decode_sections(text)
    assert video.all("rid") == ["h recv", "l recv"]
    assert video.first("simulcast") == "recv h;l"
    assert "b=AS:4000\r\n" in text
    assert "a=extmap-allow-mixed\r\n" in text


def test_who_waits_for_the_handshake_is_called() -> None:
    assert "a=setup:active\r\n" in encode(answer_producer(decode_offer(FFMPEG_WHIP)))


def test_every_line_ends_as_the_rfc_asks() -> None:
    text = whep()
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")
    assert "\r\n\r\n" not in text
