"""Offers of strangers: decoded, answered as for a viewer and as for a producer, and the answers read again."""

import re
from random import Random
from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong
from tests.support.offers import CHROMIUM_WHEP, CHROMIUM_WHIP, FFMPEG_WHIP, FINGERPRINT, OBS_WHIP

from headrace.webrtc.ice import IceCredentials
from headrace.webrtc.sdp.answer import Answer, HostCandidate, SentStream, encode_answer
from headrace.webrtc.sdp.choice import answer_producer, answer_viewer
from headrace.webrtc.sdp.lines import MAX_SECTIONS, SdpError
from headrace.webrtc.sdp.offer import MAX_CANDIDATES, Offer, decode_offer

_ICE: Final = IceCredentials("abcd", "p" * 22)
_LINE: Final = re.compile(r"[a-z]=.*")


def run(data: bytes) -> int:
    """Answer an offer in all ways."""
    try:
        offer = decode_offer(data.decode("utf-8", "replace"))
    except SdpError as error:
        assert error.reason.isidentifier()
        assert str(error)
        return len(data)
    assert 1 <= len(offer.media) <= MAX_SECTIONS
    assert len(offer.candidates) <= MAX_CANDIDATES
    for answer in _answers(offer):
        _check(offer, answer)
    return 12 * len(data)


def _answers(offer: Offer) -> list[Answer]:
    video, audio = SentStream(1, "headrace", 2), SentStream(3, "headrace")
    answers: list[Answer] = []
    for codec, profile in (("h264", "640028"), ("h264", None), ("h265", None), ("av1", None), (None, None)):
        try:
            answers.append(
                answer_viewer(offer, video=codec, profile_level_id=profile, video_stream=video, audio_stream=audio)
            )
        except SdpError as error:
            assert error.reason.isidentifier()
    try:
        answers.append(answer_producer(offer, max_video_kbps=5_000))
    except SdpError as error:
        assert error.reason.isidentifier()
    return answers


def _check(offer: Offer, answer: Answer) -> None:
    """See that an answer has a section for each one offered, and lines of ours alone."""
    text = encode_answer(
        answer, candidates=[HostCandidate("192.0.2.1", 8889)], fingerprint=FINGERPRINT, ice=_ICE, session_number=1
    )
    assert all(_LINE.fullmatch(line) for line in text.split("\r\n")[:-1])
    assert len(text.splitlines()) == text.count("\r\n")
    read = decode_offer(text)
    assert read.ice == _ICE
    assert [media.mid for media in read.media] == [media.mid for media in offer.media]
    assert [media.is_refused for media in read.media] == [one.codec is None for one in answer.media]


def seeds() -> list[bytes]:
    """Return offers of four programs."""
    return [text.replace("\n", "\r\n").encode() for text in (CHROMIUM_WHEP, CHROMIUM_WHIP, FFMPEG_WHIP, OBS_WHIP)]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the offer with a line too many, too few or in another place, or some characters wrong."""
    lines = data.split(b"\r\n")
    match random.randrange(5):
        case 0:
            lines.insert(random.randrange(len(lines)), random.choice(lines))
        case 1:
            del lines[random.randrange(len(lines))]
        case 2:
            at = random.randrange(len(lines))
            lines[at : at + 2] = reversed(lines[at : at + 2])
        case 3:
            at = random.randrange(len(lines))
            lines[at] = make_wrong(lines[at], random)
        case _:
            return make_wrong(data, random)
    return b"\r\n".join(lines)


TARGET = Target(run, seeds, wrong, max_bytes=8_000, base_lines=20_000, lines_per_byte=60)
