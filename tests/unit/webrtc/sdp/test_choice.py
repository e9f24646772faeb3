import pytest
from tests.support.offers import CHROMIUM_WHEP, CHROMIUM_WHIP, FFMPEG_WHIP, OBS_WHIP

from headrace.webrtc.sdp.answer import Answer, SentStream
from headrace.webrtc.sdp.choice import answer_producer, answer_viewer
from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import decode_offer

VIDEO, AUDIO = SentStream(1, "headrace", 2), SentStream(3, "headrace")


def watch(text: str = CHROMIUM_WHEP, video: str | None = "h264", profile: str | None = None) -> Answer:
    return answer_viewer(
        decode_offer(text), video=video, profile_level_id=profile, video_stream=VIDEO, audio_stream=AUDIO
    )


@pytest.mark.parametrize(
    ("profile", "chosen"),
    [
        ("42c01e", "42e01f"),  # constrained baseline
        ("42001e", "42001f"),  # baseline
        ("4d401f", "4d001f"),  # main
        ("4d801f", "42e01f"),  # main, constrained to what baseline can
        ("640028", "f4001f"),  # high: the offer has only what is above it
        ("ff0028", "42e01f"),  # unknown
        ("nonsense", "42e01f"),
        (None, "42001f"),  # not known yet: what is preferred
    ],
)
def test_the_profile_of_the_channel_is_chosen_or_the_next_that_can_do_it(profile: str | None, chosen: str) -> None:
    video = watch(profile=profile).of_kind("video")
    assert video is not None
    assert video.format == f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={chosen}"


def test_where_no_profile_is_enough_the_highest_is_taken() -> None:
    lines = [line for line in CHROMIUM_WHEP.splitlines() if "f4001f" not in line and "4d001f" not in line]
    video = watch("\n".join(lines), profile="640028").of_kind("video")
    assert video is not None
    assert "42001f" in video.format


def test_a_viewer_is_sent_one_stream_of_each_kind_with_what_it_can_report() -> None:
    answer = watch(profile="42c01e")
    video, audio = answer.media
    assert (video.direction, video.stream, video.extensions, video.rids) == ("sendonly", VIDEO, {}, ())
    assert video.feedback == ("nack", "nack pli", "ccm fir", "goog-remb")
    assert video.codec is not None
    assert video.codec.rtx_payload_type is not None
    assert (audio.stream, audio.feedback) == (AUDIO, ())
    assert not answer.is_dtls_client


def test_sections_that_are_not_wanted_are_refused() -> None:
    silent = answer_viewer(decode_offer(CHROMIUM_WHEP), video="h264", video_stream=VIDEO)
    assert [one.codec is None for one in silent.media] == [False, True]
    assert silent.of_kind("audio") is None


def test_where_a_channel_has_no_pictures_their_section_is_agreed_on_and_nothing_is_sent_in_it() -> None:
    answer = answer_viewer(decode_offer(CHROMIUM_WHEP), video=None, video_stream=VIDEO, audio_stream=AUDIO)
    video, audio = answer.media
    assert (video.codec is None, video.direction, video.stream) == (False, "inactive", None)
    assert (audio.codec is None, audio.direction, audio.stream) == (False, "sendonly", AUDIO)
    assert answer.of_kind("video") is None
    with pytest.raises(SdpError, match="Opus sound, which the offer does not take"):
        watch(CHROMIUM_WHEP.replace("opus", "s"), video=None)


def test_of_two_sections_of_a_kind_the_first_is_used() -> None:
    parts = CHROMIUM_WHEP.split("m=")
    text = "m=".join([*parts, parts[2].replace("a=mid:1", "a=mid:2")]).replace("BUNDLE 0 1", "BUNDLE 0 1 2")
    assert [one.codec is None for one in watch(text).media] == [False, False, True]


def test_av1_is_sent_where_it_is_offered_and_hevc_not() -> None:
    av1 = watch(video="av1").of_kind("video")
    assert av1 is not None
    assert av1.format == "level-idx=5;profile=0;tier=0"
    with pytest.raises(SdpError, match=r"The channel has HEVC video, which the offer does not take\."):
        watch(video="h265")


def test_who_wants_no_picture_gets_the_sound_of_any_channel() -> None:
    listener = watch(CHROMIUM_WHEP.replace("m=video 9 ", "m=video 0 "), video="h265")
    assert [one.is_used for one in listener.media] == [False, True]


UNSAID = CHROMIUM_WHEP.replace("packetization-mode=1;", "").replace("packetization-mode=0;", "")


def test_where_no_mode_of_h264_is_said_who_watches_is_sent_it_and_who_produces_is_not_taken() -> None:
    # As GStreamer's whepsrc and whepclientsrc offer it.
    video = watch(UNSAID, profile="42c01e").of_kind("video")
    assert video is not None
    assert video.format == "level-asymmetry-allowed=1;profile-level-id=42e01f"
    camera = OBS_WHIP.replace("packetization-mode=1;", "")
    assert answer_producer(decode_offer(camera)).of_kind("video") is None


def test_a_mode_that_is_said_is_preferred_and_0_is_not_taken() -> None:
    one_said = UNSAID.replace("profile-level-id=4d001f", "packetization-mode=1;profile-level-id=4d001f")
    video = watch(one_said, profile="42c01e").of_kind("video")
    assert video is not None
    assert "4d001f" in video.format
    with pytest.raises(SdpError, match=r"H\.264 video"):
        watch(CHROMIUM_WHEP.replace("packetization-mode=1", "packetization-mode=0"))


def test_a_producer_gives_all_its_layers() -> None:
    answer = answer_producer(decode_offer(CHROMIUM_WHIP), max_video_kbps=6_000)
    video, audio = answer.media
    assert (video.direction, video.rids, video.bandwidth_kbps, audio.bandwidth_kbps) == (
        "recvonly",
        ("h", "l"),
        6_000,
        0,
    )
    assert len(video.extensions) == 3
    assert video.stream is None
    assert answer.is_extmap_mixed


def test_ffmpeg_is_called_and_obs_calls() -> None:
    assert answer_producer(decode_offer(FFMPEG_WHIP)).is_dtls_client
    answer = answer_producer(decode_offer(OBS_WHIP))
    assert not answer.is_dtls_client
    assert [one.codec.name for one in answer.media if one.codec] == ["opus", "h264"]


def test_a_section_that_is_bundle_only_need_not_say_that_it_shares_a_port() -> None:
    video, audio = CHROMIUM_WHEP.split("m=audio 9 ")
    bundled = "a=bundle-only\n" + audio.split("\n", 1)[1].replace("a=rtcp-mux\n", "")
    answer = watch(f"{video}m=audio 0 {audio.split(chr(10), 1)[0]}\n{bundled}")
    assert [one.is_used for one in answer.media] == [True, True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CHROMIUM_WHEP.replace("a=recvonly", "a=sendonly"), "cannot_receive"),
        (CHROMIUM_WHEP.replace("H264", "H999").replace("opus", "sopu"), "no_common_codec"),
        (
            CHROMIUM_WHEP.replace("packetization-mode=1", "packetization-mode=0").replace("opus", "s"),
            "no_common_codec",
        ),
        (CHROMIUM_WHEP.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "no_common_codec"),
        (CHROMIUM_WHEP.replace("a=rtcp-mux\n", ""), "no_rtcp_mux"),
        (CHROMIUM_WHEP.replace("BUNDLE 0 1", "BUNDLE 0"), "no_bundle"),
    ],
)
def test_a_viewer_that_can_play_nothing_is_told_why(text: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        watch(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CHROMIUM_WHEP, "cannot_send"),
        (OBS_WHIP.replace("H264", "VP8").replace("opus", "PCMU"), "no_common_codec"),
        (OBS_WHIP.replace("a=rtcp-mux\n", ""), "no_rtcp_mux"),
        (OBS_WHIP.replace("a=group:BUNDLE 0 1\n", ""), "no_bundle"),
    ],
)
def test_a_producer_that_sends_nothing_for_us_is_told_why(text: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        answer_producer(decode_offer(text))
    assert caught.value.reason == reason


def test_the_text_names_what_the_channel_has() -> None:
    with pytest.raises(
        SdpError, match=r"The channel has HEVC video and Opus sound, which the offer does not take\."
    ):
        watch(CHROMIUM_WHEP.replace("opus", "s"), video="h265")
