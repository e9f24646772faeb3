"""Where decoding can start: tables and keyframes in payloads."""

from collections.abc import Callable

import pytest
from tests.support.transport import long_descriptors, tables

from headrace.mpegts import start_finder
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import PAT_PID, TS_PACKET_BYTES, encode_packet, split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.psi import (
    Descriptor,
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    encode_pat,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.start_finder import Found, Mark, StartFinder
from headrace.mpegts.stream_type import StreamType

VIDEO_PID, AUDIO_PID, PMT_PID = 0x100, 0x101, 0x1000
AUDIO = ElementaryStream(StreamType.AAC_ADTS, AUDIO_PID)
AV1 = ElementaryStream(StreamType.PRIVATE_DATA, VIDEO_PID, (Descriptor(0x05, b"AV01"),))
H264_AUD = b"\0\0\0\1\x09\xf0"
RECOVERY_POINT = b"\0\0\0\1\x06\x06\x02\x05\x40\x80"
H264_SPS_PPS = b"\0\0\0\1\x67\x64\0\x1f\xac\0\0\0\1\x68\xee"


def video(stream_type: int = StreamType.H264, pid: int = VIDEO_PID) -> ElementaryStream:
    return ElementaryStream(stream_type, pid)


def knowing(*streams: ElementaryStream) -> StartFinder:
    """Return a finder that has seen the tables of ``streams``."""
    finder = StartFinder()
    assert marks(finder, tables(streams=streams)) == [Mark.PAT, Mark.PMT]
    return finder


def picture(
    unit: bytes, *, pid: int = VIDEO_PID, random_access: bool = False, pcr_27mhz: int | None = None
) -> bytes:
    """Return the transport packets of one picture."""
    pes = encode_pes(0xE0, unit.ljust(400, b"\x80"), 90_000)
    return split_into_packets(pid, 0, pes, random_access=random_access, pcr_27mhz=pcr_27mhz)[0]


def marks(finder: StartFinder, ts: bytes) -> list[Mark]:
    """Return what is found in ``ts``, fed in payloads of 7 packets."""
    payloads = (ts[at : at + 1316] for at in range(0, len(ts), 1316))
    return [found.mark for payload in payloads for found in finder.feed(payload)]


def is_keyframe(stream: ElementaryStream, unit: bytes) -> bool:
    return marks(knowing(stream), picture(unit)) == [Mark.KEYFRAME]


def test_tables_and_a_keyframe_are_found_with_their_places() -> None:
    finder = knowing(video(), AUDIO)
    sound = encode_packet(AUDIO_PID, 0, b"\xff" * 184)
    payload = sound + tables(streams=(video(), AUDIO)) + picture(b"", random_access=True)
    assert finder.feed(payload) == [Found(Mark.PAT, 1), Found(Mark.PMT, 2), Found(Mark.KEYFRAME, 3)]


def test_what_the_muxer_makes_is_found() -> None:
    muxer, finder = Muxer([StreamType.H264, StreamType.AAC_ADTS]), StartFinder()
    found = []
    for number in range(12):
        found.append(
            marks(finder, muxer.write(0, bytes(500), 90_000 + 3_600 * number, random_access=number % 5 == 0))
        )
        assert marks(finder, muxer.write(1, bytes(200), 90_000 + 3_600 * number)) == []
    start = [Mark.PAT, Mark.PMT, Mark.KEYFRAME]
    assert found == [start, [], [], [], [], start, [], [], [], [], start, []]


def test_before_the_tables_nothing_is_a_keyframe() -> None:
    assert marks(StartFinder(), picture(b"", random_access=True)) == []


def test_the_indicator_of_sound_is_not_believed() -> None:
    finder = knowing(video(), AUDIO)
    assert marks(finder, picture(b"", pid=AUDIO_PID, random_access=True)) == []
    assert marks(finder, picture(b"", pid=0x1FF, random_access=True)) == []
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_sound_alone_has_no_keyframes() -> None:
    assert marks(knowing(AUDIO), picture(b"", pid=AUDIO_PID, random_access=True)) == []


@pytest.mark.parametrize(
    ("unit", "starts"),
    [
        (H264_AUD + H264_SPS_PPS + b"\0\0\1\x65\x88", True),
        (H264_AUD + b"\0\0\1\x65\x88", True),
        (H264_AUD + H264_SPS_PPS + b"\0\0\1\x06\x05", True),  # what follows lies in later packets
        (H264_AUD + b"\0\0\1\x41\x9a", False),
        (H264_AUD + H264_SPS_PPS + b"\0\0\1\x41\x9a", False),  # parameter sets before every picture
        (H264_AUD + b"\0\0\0\1\x68\xee\0\0\1\x06\x05", False),
        (b"", False),
    ],
)
def test_without_the_indicator_an_h264_picture_is_told_by_its_units(unit: bytes, starts: bool) -> None:
    assert is_keyframe(video(StreamType.H264), unit) is starts


@pytest.mark.parametrize(
    ("unit_types", "starts"),
    [((35, 32, 33, 34, 39), True), ((35, 32, 33, 34, 19), True), ((35, 1), False), ((35, 33, 1), False)]
    + [((35, irap), True) for irap in range(16, 22)]
    + [((35, other), False) for other in (0, 9, 15, 22, 31)],
)
def test_without_the_indicator_an_hevc_picture_is_told_by_its_units(
    unit_types: tuple[int, ...], starts: bool
) -> None:
    unit = b"".join(b"\0\0\1" + bytes([kind << 1, 1, 0xAF]) for kind in unit_types)
    assert is_keyframe(video(StreamType.HEVC), unit) is starts


@pytest.mark.parametrize("stream_type", [StreamType.MPEG1_VIDEO, StreamType.MPEG2_VIDEO])
@pytest.mark.parametrize(
    ("codes", "starts"), [(b"\xb3\xb5\xb8\x00", True), (b"\xb8\x00", False), (b"\x00", False)]
)
def test_without_the_indicator_an_mpeg_picture_is_told_by_its_sequence_header(
    stream_type: int, codes: bytes, starts: bool
) -> None:
    assert is_keyframe(video(stream_type), b"".join(b"\0\0\1" + bytes([c]) + b"\x11\x22" for c in codes)) is starts


@pytest.mark.parametrize(("units", "starts"), [((2, 1, 6), True), ((2, 6), False), ((2, 3), False)])
def test_without_the_indicator_an_av1_picture_is_told_by_its_sequence_header(
    units: tuple[int, ...], starts: bool
) -> None:
    unit = b"".join(b"\0\0\1" + bytes([kind << 3 | 2]) + b"\x0a\x0b" for kind in units)
    assert is_keyframe(AV1, unit) is starts


@pytest.mark.parametrize(
    "descriptor", [Descriptor(0x05, b"Opus"), Descriptor(0x80, b"AV01"), Descriptor(0x05, b"AV")]
)
def test_private_data_is_video_only_if_it_is_registered_as_av1(descriptor: Descriptor) -> None:
    other = ElementaryStream(StreamType.PRIVATE_DATA, VIDEO_PID, (descriptor,))
    assert marks(knowing(other), picture(b"", random_access=True)) == []
    assert marks(knowing(AV1), picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_of_other_codecs_only_the_indicator_tells() -> None:
    finder = knowing(video(StreamType.VVC))
    assert marks(finder, picture(b"\0\0\1\x00\x39" * 3)) == []
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


@pytest.mark.parametrize(
    ("unit", "starts"),
    [
        (H264_SPS_PPS + RECOVERY_POINT + b"\0\0\1\x41", True),
        (H264_AUD + H264_SPS_PPS + b"\0\0\1\x06\x01\x01\x02\x80" + RECOVERY_POINT + b"\0\0\1\x41", True),
        (H264_SPS_PPS + b"\0\0\1\x41", False),
        (RECOVERY_POINT + b"\0\0\1\x41", False),
        (H264_SPS_PPS + b"\0\0\1\x06\x01\x01\x02\x80\0\0\1\x41", False),
        (H264_SPS_PPS + b"\0\0\1\x41\x80" + RECOVERY_POINT, False),
    ],
)
def test_a_recovery_point_with_its_parameters_is_one_too(unit: bytes, starts: bool) -> None:
    assert is_keyframe(video(), unit) is starts


def test_bytes_of_the_pes_header_are_no_units() -> None:
    pes = bytearray(encode_pes(0xE0, bytes(200), 90_000))
    pes[9:14] = b"\x21\0\0\1\x65"
    assert marks(knowing(video()), split_into_packets(VIDEO_PID, 0, bytes(pes))[0]) == []


def test_the_clock_beside_it_does_not_hide_the_indicator_or_the_units() -> None:
    finder = knowing(video())
    assert marks(finder, picture(b"", random_access=True, pcr_27mhz=27_000_000)) == [Mark.KEYFRAME]
    assert marks(finder, picture(H264_AUD + b"\0\0\1\x65", pcr_27mhz=27_000_000)) == [Mark.KEYFRAME]
    assert marks(finder, picture(H264_AUD + b"\0\0\1\x41", pcr_27mhz=27_000_000)) == []


def test_damaged_and_scrambled_packets_are_not_looked_into() -> None:
    finder = knowing(video())
    units = bytearray(picture(H264_AUD + b"\0\0\1\x65"))
    units[3] |= 0x80
    assert marks(finder, bytes(units)) == []
    indicated = bytearray(picture(b"", random_access=True))
    indicated[3] |= 0x80
    assert marks(finder, bytes(indicated)) == [Mark.KEYFRAME]
    indicated[1] |= 0x80
    assert marks(finder, bytes(indicated)) == []


@pytest.mark.parametrize("cut", [1, 187])
def test_payloads_that_are_not_whole_packets_are_left_alone(cut: int) -> None:
    finder = knowing(video())
    keyframe = picture(b"", random_access=True)
    assert finder.feed(keyframe[cut:]) == []
    assert finder.feed(keyframe[:-cut]) == []
    assert finder.feed(b"") == []
    assert finder.feed(keyframe[:TS_PACKET_BYTES] + bytes(TS_PACKET_BYTES)) == []
    assert [found.mark for found in finder.feed(keyframe)] == [Mark.KEYFRAME]


def spy(function: Callable[[bytes], object], called: list[str]) -> Callable[[bytes], object]:
    def call(section: bytes) -> object:
        called.append(function.__name__)
        return function(section)

    return call


def test_repeated_tables_are_not_decoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    for name in ("decode_pat", "decode_pmt"):
        original = getattr(start_finder, name)
        monkeypatch.setattr(start_finder, name, spy(original, decoded))
    finder = StartFinder()
    short, long = (video(),), (ElementaryStream(StreamType.H264, VIDEO_PID, long_descriptors(4)),)
    for streams in (short, long):
        once = tables(streams=streams)
        for counter in range(40):
            counted = bytearray(once)
            for start in range(3, len(counted), TS_PACKET_BYTES):
                counted[start] = counted[start] & 0xF0 | counter & 15
            assert marks(finder, bytes(counted)) == [Mark.PAT, Mark.PMT]
    assert decoded == ["decode_pat", "decode_pmt", "decode_pmt"]


def test_a_map_that_spans_packets_is_joined_also_across_payloads() -> None:
    finder = StartFinder()
    ts = tables(streams=(ElementaryStream(StreamType.H264, VIDEO_PID, long_descriptors(4)),))
    assert len(ts) > 3 * TS_PACKET_BYTES
    for start in range(0, len(ts), TS_PACKET_BYTES):
        finder.feed(ts[start : start + TS_PACKET_BYTES])
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_the_video_is_followed_to_another_pid() -> None:
    finder = knowing(video())
    marks(finder, tables(streams=(AUDIO, video(StreamType.HEVC, 0x200)), version=1))
    assert marks(finder, picture(b"", random_access=True)) == []
    assert marks(finder, picture(b"", pid=0x200, random_access=True)) == [Mark.KEYFRAME]
    marks(finder, tables(streams=(AUDIO,), version=2))
    assert marks(finder, picture(b"", pid=0x200, random_access=True)) == []


def test_the_map_is_followed_to_another_pid() -> None:
    finder = knowing(video())
    ts = tables(streams=(video(pid=0x200),), pmt_pid=0x1001, version=1)
    assert marks(finder, ts) == [Mark.PAT, Mark.PMT]
    assert marks(finder, tables(streams=(video(),))[TS_PACKET_BYTES:]) == []
    assert marks(finder, picture(b"", pid=0x200, random_access=True)) == [Mark.KEYFRAME]


def test_of_several_programs_the_first_is_followed() -> None:
    finder = StartFinder()
    pat = encode_pat(ProgramAssociation(1, 0, ((0, 0x10), (7, PMT_PID), (8, PMT_PID))))
    other = encode_pmt(ProgramMap(8, 0, 0x300, (), (video(pid=0x300),)))
    mine = encode_pmt(ProgramMap(7, 0, VIDEO_PID, (), (video(),)))
    for pid, section in ((PAT_PID, pat), (PMT_PID, other), (PMT_PID, mine), (PMT_PID, other)):
        finder.feed(split_into_packets(pid, 0, sections_to_unit([section]))[0])
    assert marks(finder, picture(b"", pid=0x300, random_access=True)) == []
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_tables_that_are_not_yet_valid_or_damaged_change_nothing() -> None:
    finder = knowing(video())
    later_pat = encode_pat(ProgramAssociation(1, 1, ((1, 0x1FF0),), current=False))
    later_pmt = encode_pmt(ProgramMap(1, 1, 0x300, (), (video(pid=0x300),), current=False))
    damaged = bytearray(encode_pmt(ProgramMap(1, 2, 0x300, (), (video(pid=0x300),))))
    damaged[-1] ^= 1
    for pid, section in ((PAT_PID, later_pat), (PMT_PID, later_pmt), (PMT_PID, bytes(damaged))):
        finder.feed(split_into_packets(pid, 0, sections_to_unit([section]))[0])
    finder.feed(encode_packet(PMT_PID, 0, b"\xb7" * 184, payload_unit_start=True))
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_a_pat_without_a_program_ends_the_search() -> None:
    finder = knowing(video())
    empty = encode_pat(ProgramAssociation(1, 1, ((0, 0x10),)))
    finder.feed(split_into_packets(PAT_PID, 0, sections_to_unit([empty]))[0])
    assert marks(finder, picture(b"", random_access=True)) == []
    assert marks(finder, tables(streams=(video(),))) == [Mark.PAT, Mark.PMT]
    assert marks(finder, picture(b"", random_access=True)) == [Mark.KEYFRAME]


def test_packets_of_adaptation_field_alone_are_passed_over() -> None:
    finder = knowing(video())
    alone = encode_packet(PMT_PID, 0, b"", pcr_27mhz=0)
    assert marks(finder, alone) == []
    clock = bytearray(encode_packet(VIDEO_PID, 0, b"", pcr_27mhz=0))
    clock[1] |= 0x40
    assert marks(finder, bytes(clock)) == []


def test_the_tables_are_known_for_one_program_alone() -> None:
    finder = knowing(video())
    assert finder.tables is not None
    assert [stream.pid for stream in finder.tables.pmt.streams] == [VIDEO_PID]
    assert finder.video_pid == VIDEO_PID
    two = encode_pat(ProgramAssociation(1, 1, ((1, PMT_PID), (2, 0x1FF0))))
    pmt = encode_pmt(ProgramMap(1, 1, 0x300, (), (video(pid=0x300),)))
    for pid, section in ((PAT_PID, two), (PMT_PID, pmt)):
        finder.feed(split_into_packets(pid, 0, sections_to_unit([section]))[0])
    assert finder.tables is None
    assert finder.video_pid == 0x300
