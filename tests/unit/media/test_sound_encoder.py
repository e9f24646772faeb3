"""AAC and Opus that decoders take, at the times of their sound."""

from itertools import pairwise

import av
import numpy as np
import pytest

from headrace.codecs.opus import is_stereo, packet_samples
from headrace.media.errors import MediaError
from headrace.media.pcm import F32Array, pcm_frame
from headrace.media.sound_encoder import SoundEncoder
from headrace.remux.access_unit import AccessUnit, Codec

SAMPLE_RATE_HZ = 48_000
BOTH = pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS])


def tone(samples: int) -> F32Array:
    wave = np.sin(np.arange(samples) * 2 * np.pi * 440 / SAMPLE_RATE_HZ).astype(np.float32)
    return np.stack([wave, wave])


def decoded(codec: Codec, units: list[AccessUnit]) -> F32Array:
    """Return what is heard of some units, of both channels one after another."""
    decoder = av.CodecContext.create("aac" if codec is Codec.AAC else "opus", "r")
    if codec is Codec.OPUS:
        decoder.sample_rate, decoder.layout = SAMPLE_RATE_HZ, "stereo"
    frames = [frame for unit in units for data in unit.data for frame in decoder.decode(av.Packet(data))]
    assert {(frame.sample_rate, frame.layout.name) for frame in frames} == {(SAMPLE_RATE_HZ, "stereo")}
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def test_aac_begins_a_frame_before_its_sound() -> None:
    units = list(SoundEncoder(Codec.AAC).encode(pcm_frame(tone(9_600)), 1_000_000))
    assert [unit.pts_90khz for unit in units[:3]] == [88_080, 90_000, 91_920]
    assert {unit.codec for unit in units} == {Codec.AAC}


def test_opus_is_stereo_of_twenty_milliseconds_and_begins_little_before_its_sound() -> None:
    units = list(SoundEncoder(Codec.OPUS).encode(pcm_frame(tone(9_600)), 1_000_000))
    assert [unit.pts_90khz for unit in units[:3]] == [89_775, 91_575, 93_375]
    assert {(packet_samples(unit.data[0]), is_stereo(unit.data[0])) for unit in units} == {(960, True)}


@BOTH
def test_a_click_is_heard_when_it_was(codec: Codec) -> None:
    samples = np.zeros((2, 19_200), np.float32)
    samples[:, 9_600:9_648] = 0.9
    units = list(SoundEncoder(codec).encode(pcm_frame(samples), 0))
    loudest = int(np.abs(decoded(codec, units)[0]).argmax()) + units[0].pts_90khz * SAMPLE_RATE_HZ // 90_000
    assert abs(loudest - 9_624) < 48


@BOTH
def test_sound_in_small_pieces_is_the_same_and_each_unit_comes_as_soon_as_it_can(codec: Codec) -> None:
    sound = tone(48_000)
    at_once = list(SoundEncoder(codec).encode(pcm_frame(sound), 0))
    encoder, pieces, held_samples = SoundEncoder(codec), list[AccessUnit](), list[int]()
    for first in range(0, 48_000, 480):
        for unit in encoder.encode(pcm_frame(sound[:, first : first + 480]), first * 1_000_000 // SAMPLE_RATE_HZ):
            pieces.append(unit)
            held_samples.append(first + 480 - unit.pts_90khz * SAMPLE_RATE_HZ // 90_000)
    assert [unit.data for unit in pieces] == [unit.data for unit in at_once]
    assert max(held_samples) <= {Codec.AAC: 3 * 1024, Codec.OPUS: 960 + 120}[codec] + 480
    assert np.abs(decoded(codec, pieces)).max() > 0.5


@BOTH
def test_a_hole_is_silent_and_times_go_on_evenly(codec: Codec) -> None:
    encoder = SoundEncoder(codec)
    units = list(encoder.encode(pcm_frame(tone(9_600)), 0)) + list(
        encoder.encode(pcm_frame(tone(9_600)), 1_000_000)
    )
    assert len({later.pts_90khz - one.pts_90khz for one, later in pairwise(units)}) == 1
    assert units[-1].pts_90khz > 90_000


def test_a_bit_rate_that_it_does_not_take_is_told() -> None:
    with pytest.raises(MediaError, match="libopus does not take 5000000 bit/s: try 96000"):
        SoundEncoder(Codec.OPUS, 5_000_000)
