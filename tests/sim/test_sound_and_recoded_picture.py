"""Sound and picture of a channel with B-frames are together in what browsers get, both encoded again."""

from collections.abc import Iterator
from random import Random

import av
import numpy as np
import pytest
from tests.support.clapper import CLAP_EACH_PICTURES, PICTURES_PER_SECOND, clapping_stream
from tests.support.encoded_streams import payloads_of

from headrace.codecs.annex_b import join_annex_b, split_annex_b
from headrace.endpoints.rtc_channel import RtcChannel, RtcStream
from headrace.media.picture_pipe import CodedPicture
from headrace.media.picture_transcoder import PictureTranscoder
from headrace.media.sound_transcoder import SoundTranscoder
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.h264_unpacker import H264Unpacker
from headrace.webrtc.rtp import RtpPacket, decode_rtp

PICTURES = 200
WITHIN_MS = 40
NOW_US = 5_000_000


class Recoder:
    """Re-encodes in this thread, and keeps what it has made until it is asked for."""

    trouble: str | None = None

    def __init__(self) -> None:
        self._transcoder = PictureTranscoder("h264")
        self._made: list[AccessUnit] = []

    def feed(self, unit: AccessUnit) -> bool:
        coded = CodedPicture(unit.pts_90khz, join_annex_b(unit.data), unit.is_keyframe)
        for one in self._transcoder.convert(coded):
            data = split_annex_b(one.data)
            self._made.append(AccessUnit(Codec.H264, one.pts_90khz, one.pts_90khz, data, one.is_keyframe))
        return True

    def taken(self) -> list[AccessUnit]:
        made, self._made = self._made, []
        return made

    def end(self) -> None:
        """Do nothing: there is no thread."""

    def facts(self) -> dict[str, int]:
        return {}


class Sound:
    """Makes Opus in this thread, and keeps it until it is asked for."""

    def __init__(self) -> None:
        self._transcoder = SoundTranscoder(Codec.AAC)
        self._made: list[AccessUnit] = []

    def feed(self, unit: AccessUnit) -> None:
        self._made += self._transcoder.convert(unit)

    def taken(self) -> list[AccessUnit]:
        made, self._made = self._made, []
        return made

    def close(self) -> None:
        """Do nothing: there is no thread."""


@pytest.fixture(scope="module")
def packets() -> dict[str, list[tuple[float, RtpPacket]]]:
    """Return what a browser gets of each stream, each with its time by the sender reports, in seconds."""
    recoder, sound = Recoder(), Sound()
    channel = RtcChannel("A", Random(1).randbytes, sound, recoder)
    for payload in payloads_of(clapping_stream(PICTURES)):
        channel.take([payload], NOW_US)
        channel.take_recoded(recoder.taken(), NOW_US)
        channel.take_units(sound.taken(), NOW_US)
    assert channel.route.is_recoded
    video, audio = channel.streams
    return {"video": _timed(video, 90_000), "audio": _timed(audio, 48_000)}


def _timed(stream: RtcStream, rate_hz: int) -> list[tuple[float, RtpPacket]]:
    """Return a stream's packets, each with its time on the channel's line as a sender report would tell it."""
    packets = map(decode_rtp, stream.ring.between(stream.ring.first_index, stream.ring.next_index))
    zero = stream.timestamp_at(0)
    return [(((one.timestamp - zero) & 0xFFFF_FFFF) / rate_hz, one) for one in packets]


def claps_seen(packets: list[tuple[float, RtpPacket]]) -> Iterator[float]:
    """Yield when the picture turns white."""
    decoder, unpacker, was_white = av.CodecContext.create("h264", "r"), H264Unpacker(), True
    for seconds, packet in packets:
        unpacker.feed(packet.payload)
        if packet.marker:
            for frame in decoder.decode(av.Packet(join_annex_b(unpacker.take()))):
                is_white = float(frame.to_ndarray(format="gray").mean()) > 128
                if is_white and not was_white:
                    yield seconds
                was_white = is_white


def claps_heard(packets: list[tuple[float, RtpPacket]]) -> Iterator[float]:
    """Yield when it becomes loud."""
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "stereo"
    was_loud = True
    for seconds, packet in packets:
        for frame in decoder.decode(av.Packet(packet.payload)):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
            if len(loud) and not was_loud:
                yield seconds + loud[0] / 48_000
            was_loud = bool(len(loud))


def test_what_is_seen_and_heard_at_once_has_one_time(packets: dict[str, list[tuple[float, RtpPacket]]]) -> None:
    seen, heard = list(claps_seen(packets["video"])), list(claps_heard(packets["audio"]))
    assert len(seen) >= PICTURES // CLAP_EACH_PICTURES - 2
    apart_ms = [1_000 * min((sound - picture for sound in heard), key=abs) for picture in seen]
    assert max(map(abs, apart_ms)) <= WITHIN_MS, apart_ms


def test_claps_are_where_they_were(packets: dict[str, list[tuple[float, RtpPacket]]]) -> None:
    seen = list(claps_seen(packets["video"]))
    each_seconds = CLAP_EACH_PICTURES / PICTURES_PER_SECOND
    assert np.allclose(np.diff(seen), each_seconds, atol=1e-3)
