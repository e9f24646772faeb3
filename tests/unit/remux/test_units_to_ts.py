import io

import av
import pytest
from tests.support.encoded_streams import PAYLOAD_BYTES, encoded_stream, payloads_of
from tests.support.rtp_streams import picture, sound

from headrace.base.errors import LocalProtocolError
from headrace.codecs.aac import encode_adts
from headrace.remux.access_unit import AccessUnit, Codec
from headrace.remux.ts_to_units import TsToUnits
from headrace.remux.units_to_ts import FIRST_PTS_90KHZ, MAX_SOUND_BYTES, UnitsToTs


def units_of(ts: bytes) -> list[AccessUnit]:
    to_units = TsToUnits()
    return [unit for payload in payloads_of(ts) for unit in to_units.feed(payload)]


def made(units: list[AccessUnit], codecs: list[Codec]) -> bytes:
    to_ts = UnitsToTs(codecs)
    return b"".join(payload for unit in units for payload in to_ts.feed(unit))


def test_each_unit_is_whole_packets_at_once() -> None:
    to_ts, to_units = UnitsToTs([Codec.H264, Codec.OPUS]), TsToUnits()
    for number in range(5):
        for unit in (picture(number, key=number == 0), sound(number)):
            payloads = to_ts.feed(unit)
            assert all(len(payload) == PAYLOAD_BYTES for payload in payloads[:-1])
            assert all(len(payload) % 188 == 0 for payload in payloads)
            (back,) = [found for payload in payloads for found in to_units.feed(payload)]
            assert back.data[-1] == unit.data[-1]
            assert back.pts_90khz == unit.pts_90khz + FIRST_PTS_90KHZ


def test_ffmpeg_reads_h264_aac_and_opus_in_one_program() -> None:
    both = [*units_of(encoded_stream(25, audio="libopus"))]
    aac = list(units_of(encoded_stream(25, video=None, audio="aac")))
    start_90khz = both[0].pts_90khz
    for unit in aac:
        unit.pts_90khz = unit.dts_90khz = unit.pts_90khz + start_90khz - aac[0].pts_90khz
    units = sorted(both + aac, key=lambda unit: unit.dts_90khz)
    ts = made(units, [Codec.H264, Codec.AAC, Codec.OPUS])
    with av.open(io.BytesIO(ts), "r", format="mpegts") as container:
        kinds = [stream.codec_context.name for stream in container.streams if stream.type in {"video", "audio"}]
        assert kinds in (["h264", "aac", "libopus"], ["h264", "aac", "opus"])
        assert container.streams.audio[1].codec_context.layout.name == "stereo"
        frames = [len(packet.decode()) for packet in container.demux() if packet.stream.type in {"video", "audio"}]
    assert sum(frames) >= 25 + 45 + 48


def test_what_comes_before_the_first_may_be_older_by_nearly_a_second() -> None:
    to_ts = UnitsToTs([Codec.H264, Codec.OPUS])
    to_ts.feed(picture(100, key=True))
    oldest = FIRST_PTS_90KHZ - 9_000
    sounds = [AccessUnit(Codec.OPUS, 300_000 - back, 300_000 - back, [b"\xfc"]) for back in (oldest, oldest + 1)]
    assert to_ts.feed(sounds[0]) != []
    assert to_ts.feed(sounds[1]) == []
    assert to_ts.dropped_units == 1


def test_times_of_a_stream_never_go_back() -> None:
    to_ts = UnitsToTs([Codec.H264, Codec.OPUS])
    assert to_ts.feed(picture(5, key=True)) != []
    assert to_ts.feed(sound(0)) != []
    assert to_ts.feed(picture(5)) == []
    assert to_ts.feed(picture(4)) == []
    assert to_ts.feed(picture(6)) != []
    assert to_ts.dropped_units == 2


def test_sound_has_a_largest_size() -> None:
    to_ts = UnitsToTs([Codec.AAC])
    assert to_ts.feed(AccessUnit(Codec.AAC, 0, 0, [bytes(MAX_SOUND_BYTES)])) != []
    assert to_ts.feed(AccessUnit(Codec.AAC, 0, 0, [bytes(MAX_SOUND_BYTES + 1)])) == []


def test_pictures_have_one_delimiter() -> None:
    ts = made([picture(0, key=True)], [Codec.H264])
    delimited = AccessUnit(Codec.H264, 0, 0, [b"\x09\x10", *picture(0, key=True).data])
    assert ts.count(b"\0\0\0\x01\x09\xf0") == 1
    again = made([delimited], [Codec.H264])
    assert (again.count(b"\0\0\0\x01\x09\x10"), again.count(b"\x09\xf0\0\0")) == (1, 0)


def test_decoding_starts_at_keyframes_alone() -> None:
    ts = made([picture(0, key=True), picture(1)], [Codec.H264])
    starts = [at for at in range(0, len(ts), 188) if ts[at + 1] == 0x41 and ts[at + 2] == 0]
    assert [bool(ts[at + 5] & 0x40) for at in starts] == [True, False]


@pytest.mark.parametrize("codecs", [[], [Codec.H264, Codec.AAC, Codec.OPUS, Codec.AV1]])
def test_streams_that_have_no_place_are_misuse(codecs: list[Codec]) -> None:
    with pytest.raises(LocalProtocolError):
        UnitsToTs(codecs)


def test_a_unit_of_another_stream_is_misuse() -> None:
    with pytest.raises(LocalProtocolError, match="Opus"):
        UnitsToTs([Codec.H264]).feed(sound(0))


def test_aac_stays_as_it_was() -> None:
    frame = encode_adts(50) + bytes(50)
    (unit,) = units_of(made([AccessUnit(Codec.AAC, 7, 7, [frame])], [Codec.AAC]))
    assert unit.data == [frame]
