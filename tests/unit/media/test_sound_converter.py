"""Opus of AAC, and AAC of Opus."""

import threading
import time
from itertools import pairwise

import av
import numpy as np
import pytest
from tests.support.encoded_streams import encoded_stream, payloads_of

from headrace.codecs.aac import decode_adts
from headrace.codecs.opus import packet_samples
from headrace.media import sound_converter
from headrace.media.sound_converter import SoundConverter, Transcoder
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.ts_to_units import TsToUnits

ENCODERS = {Codec.AAC: "aac", Codec.OPUS: "libopus"}
BOTH = pytest.mark.parametrize("source", [Codec.AAC, Codec.OPUS])


def sounds(source: Codec, pictures: int = 50) -> list[AccessUnit]:
    """Return two seconds of a tone."""
    to_units = TsToUnits()
    ts = encoded_stream(pictures, video=None, audio=ENCODERS[source])
    return [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]


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
    transcoder = Transcoder(source)
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


def test_sound_begins_within_ten_milliseconds_of_when_it_did() -> None:
    """A click in the AAC is where it was in the Opus, by what both decoders say."""
    units = sounds(Codec.AAC)
    transcoder = Transcoder(Codec.AAC)
    # After a second of silence in the times, which the encoder fills.
    late = [AccessUnit(one.codec, one.pts_90khz + 90_000, one.dts_90khz + 90_000, one.data) for one in units]
    made = [one for unit in [*units[:20], *late[20:]] for one in transcoder.convert(unit)]
    loud = [at for at, level in loudness(made) if level > 0.02]
    pause = max(other - one for one, other in pairwise(loud))
    assert abs(pause - 90_000) < 90 * 60


def test_times_that_go_back_are_another_stream_s() -> None:
    units = sounds(Codec.AAC, 25)
    transcoder = Transcoder(Codec.AAC)
    first = [one for unit in units for one in transcoder.convert(unit)]
    again = [one for unit in units for one in transcoder.convert(unit)]
    assert [one.pts_90khz for one in again] == [one.pts_90khz for one in first]


def test_a_converter_works_in_a_thread_of_its_own_and_ends_when_told() -> None:
    made: list[AccessUnit] = []
    threads: set[str] = set()

    def give(units: object) -> None:
        made.extend(units)  # type: ignore[arg-type]
        threads.add(threading.current_thread().name)

    converter = SoundConverter(Codec.AAC, give)
    units = sounds(Codec.AAC, 25)
    for unit in units:
        converter.feed(unit)
    end = time.monotonic() + 20
    while len(made) < 45 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(made) >= 45
    assert threads == {"sound"}
    assert converter._thread is not None
    converter.close()
    converter._thread.join(10)
    assert not converter._thread.is_alive()


def test_what_cannot_be_decoded_is_left_out_and_the_rest_goes_on() -> None:
    made: list[AccessUnit] = []
    converter = SoundConverter(Codec.AAC, made.extend)
    units = sounds(Codec.AAC, 25)
    bad = AccessUnit(Codec.AAC, 90_000, 90_000, [units[0].data[0][:7] + b"\xff" * 40])
    for unit in [bad, *units]:
        converter.feed(unit)
    end = time.monotonic() + 20
    while len(made) < 40 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(made) >= 40
    converter.close()


def test_one_that_was_never_fed_has_no_thread_and_one_that_stalls_leaves_sound_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sound_converter, "MAX_WAITING_UNITS", 3)
    released = threading.Event()
    SoundConverter(Codec.AAC, lambda _: None).close()

    def stall(_units: object) -> None:
        released.wait(20)

    converter = SoundConverter(Codec.AAC, stall)
    for unit in sounds(Codec.AAC, 25):
        converter.feed(unit)
    assert converter.left_out_units > 10
    released.set()
    converter.close()
