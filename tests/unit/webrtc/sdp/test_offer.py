import pytest
from tests.support.offers import CHROMIUM_WHEP, CHROMIUM_WHIP, FFMPEG_WHIP, FINGERPRINT, OBS_WHIP

from headrace.webrtc.sdp.lines import SdpError
from headrace.webrtc.sdp.offer import MAX_CANDIDATES, decode_credentials, decode_offer


def test_what_chromium_offers_to_watch_with() -> None:
    offer = decode_offer(CHROMIUM_WHEP.replace("\n", "\r\n"))
    video, audio = offer.media
    assert (offer.setup, offer.makes_us_dtls_client, offer.bundle, offer.trickles) == (
        "actpass",
        False,
        ("0", "1"),
        True,
    )
    assert offer.fingerprint.startswith("sha-256 ")
    assert (video.kind, video.mid, video.direction, video.can_mux_rtcp) == ("video", "0", "recvonly", True)
    assert [codec.name for codec in video.codecs].count("h264") == 8
    assert (audio.codecs[0].name, audio.codecs[0].channels) == ("opus", 2)
    assert all(codec.rtx_payload_type for codec in video.codecs)


def test_what_chromium_offers_to_produce_with() -> None:
    video, audio = decode_offer(CHROMIUM_WHIP).media
    assert video.rids == ("h", "l")
    assert video.sends
    assert audio.sends
    assert not audio.receives


def test_ffmpeg_waits_for_our_handshake() -> None:
    offer = decode_offer(FFMPEG_WHIP)
    assert offer.makes_us_dtls_client
    assert [media.kind for media in offer.media] == ["audio", "video"]
    assert offer.media[1].ssrcs == (3372407728,)
    assert [(codec.name, codec.rtx_payload_type) for codec in offer.media[1].codecs] == [("h264", 105)]


def test_obs_has_its_fingerprint_before_the_sections_and_candidates_in_the_first() -> None:
    offer = decode_offer(OBS_WHIP)
    assert offer.fingerprint == FINGERPRINT
    assert offer.candidates == ("1 1 UDP 2122317823 192.0.2.10 57321 typ host",)
    assert offer.ice.ufrag == "Zx9Q"


def test_a_password_is_not_shown() -> None:
    assert "AbCdEfGhIjKlMnOpQrStUv" not in repr(decode_offer(OBS_WHIP))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a=ice-pwd:AbCdEfGhIjKlMnOpQrStUv\n", "", "no_ice"),
        ("a=ice-ufrag:Zx9Q", "a=ice-ufrag:Zx9", "no_ice"),
        ("a=ice-pwd:AbCdEfGhIjKlMnOpQrStUv", "a=ice-pwd:AbCdEfGhIjKlMnOpQrStU!", "no_ice"),
        ("sha-256", "md5", "no_fingerprint"),
        (":AB", "", "no_fingerprint"),
        ("setup:actpass", "setup:holdconn", "bad_setup"),
        ("a=mid:1", "a=mid:0", "same_mid"),
        ("m=video 57321", "m=video x", "bad_media_line"),
    ],
)
def test_what_is_missing_or_wrong_is_named(old: str, new: str, reason: str) -> None:
    assert old in OBS_WHIP
    with pytest.raises(SdpError) as caught:
        decode_offer(OBS_WHIP.replace(old, new))
    assert caught.value.reason == reason
    assert len(str(caught.value)) > 30


def test_an_offer_of_nothing_is_refused() -> None:
    with pytest.raises(SdpError, match="no media section"):
        decode_offer("v=0\r\ns=-\r\n")


def test_the_best_known_fingerprint_of_several_is_taken() -> None:
    weak = "a=fingerprint:sha-1 " + ":".join(["00"] * 20)
    strong = "a=fingerprint:SHA-512 " + ":".join(["0a"] * 64)
    both = OBS_WHIP.replace(
        f"a=fingerprint:{FINGERPRINT}", f"{weak}\n{strong}\na=fingerprint:{FINGERPRINT.lower()}"
    )
    assert decode_offer(both).fingerprint == FINGERPRINT
    only = OBS_WHIP.replace(f"a=fingerprint:{FINGERPRINT}", f"{weak}\n{strong}")
    assert decode_offer(only).fingerprint == "sha-512 " + ":".join(["0A"] * 64)


def test_candidates_beyond_the_limit_are_not_kept() -> None:
    more = "".join(f"a=candidate:{number} 1 UDP 1 192.0.2.1 9 typ host\n" for number in range(MAX_CANDIDATES))
    assert len(decode_offer(OBS_WHIP + more).candidates) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("ufrag", "pwd", "fits"),
    [
        ("abcd", "x" * 22, True),
        ("abc", "x" * 22, False),
        ("abcd", "x" * 21, False),
        ("a" * 256, "x" * 256, True),
        ("a" * 257, "x" * 22, False),
    ],
)
def test_names_and_passwords_have_the_lengths_of_the_rfc(ufrag: str, pwd: str, fits: bool) -> None:
    if fits:
        assert decode_credentials(ufrag, pwd).ufrag == ufrag
    else:
        with pytest.raises(SdpError):
            decode_credentials(ufrag, pwd)
