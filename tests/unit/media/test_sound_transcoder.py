"""Opus of AAC, and AAC of Opus."""

from itertools import pairwise

import av
import numpy as np
import pytest
from tests.support.sounds import sounds

from headrace.codecs.aac import decode_adts
from headrace.codecs.opus import packet_samples
from headrace.media.errors import MediaError
from headrace.media.sound_transcoder import SoundTranscoder
from headrace.remux.access_unit import AccessUnit, Codec

BOTH = pytest.mark.parametrize("source", [Codec.AAC, Codec.OPUS])


def loudness(units: list[AccessUnit]) -> list[tuple[int, float]]:
    """Return the time and the loudness of each unit, decoded anew."""
    decoder = av.CodecContext.create("aac" if units[0].codec is Codec.AAC else "opus", "r")
    if units[0].codec is Codec.OPUS:
        decoder.sample_rate, decoder.layout = 48_000, "stereo"
    return [
        (unit.pts_90khz, float(np.abs(frame.to_ndarray()).mean()))
        for unit in units
        for frame in decoder.decode(av.Packet(unit.data[0]))
    ]


@BOTH
def test_what_sounds_goes_on_sounding_at_the_same_times(source: Codec) -> None:
    units = sounds(source)
    transcoder = SoundTranscoder(source)
    made = [one for unit in units for one in transcoder.convert(unit)]
    assert {one.codec for one in made} == {Codec.OPUS if source is Codec.AAC else Codec.AAC}
    assert abs(made[0].pts_90khz - units[0].pts_90khz) < 90 * 30
    assert abs(made[-1].pts_90khz - units[-1].pts_90khz) < 90 * 60
    if source is Codec.AAC:
        assert {packet_samples(one.data[0]) for one in made} == {960}
    else:
        assert {decode_adts(one.data[0]).sample_rate_hz for one in made} == {48_000}
    step_90khz = 1_800 if source is Codec.AAC else 1_920
    assert {other.pts_90khz - one.pts_90khz for one, other in pairwise(made)} == {step_90khz}
    middle = [loud for _, loud in loudness(made)[10:-5]]
    assert min(middle) > 0.05


def test_sound_goes_on_after_a_pause_when_it_did() -> None:
    """A click in the AAC is where it was in the Opus, by what both decoders say."""
    units = sounds(Codec.AAC)
    transcoder = SoundTranscoder(Codec.AAC)
    # A second is missing in the times, as while there was Opus that needed no converting.
    late = [AccessUnit(one.codec, one.pts_90khz + 90_000, one.dts_90khz + 90_000, one.data) for one in units]
    made = [one for unit in [*units[:20], *late[20:]] for one in transcoder.convert(unit)]
    loud = [at for at, level in loudness(made) if level > 0.02]
    pause = max(other - one for one, other in pairwise(loud))
    assert abs(pause - 90_000) < 90 * 60
    # Nothing was made up for the time that is missing.
    assert len(made) == pytest.approx(len(units) * 1024 / 960, abs=4)


def test_times_that_go_back_are_another_stream_s() -> None:
    units = sounds(Codec.AAC, 25)
    transcoder = SoundTranscoder(Codec.AAC)
    first = [one for unit in units for one in transcoder.convert(unit)]
    again = [one for unit in units for one in transcoder.convert(unit)]
    assert [one.pts_90khz for one in again] == [one.pts_90khz for one in first]


def test_what_cannot_be_decoded_is_told() -> None:
    [first, *_] = sounds(Codec.AAC, 5)
    with pytest.raises(MediaError):
        SoundTranscoder(Codec.AAC).convert(AccessUnit(Codec.AAC, 0, 0, [first.data[0][:7] + b"\xff" * 40]))
