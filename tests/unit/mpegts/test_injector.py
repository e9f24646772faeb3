import pytest
from tests.support.transport import long_descriptors, packets_of, small_stream, tables

from headrace.mpegts.demuxer import Demuxer
from headrace.mpegts.injector import MAX_PENDING_TAGS, FrameStart, MetadataInjector
from headrace.mpegts.metadata import Metadata, decode_metadata
from headrace.mpegts.packet import TS_PACKET_BYTES, decode_packet, packet_pid, split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.psi import Descriptor, ElementaryStream, decode_pmt
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.timed_id3 import timed_id3_stream

PMT_PID = 0x1000
VIDEO = ElementaryStream(StreamType.H264, 0x100)
AUDIO = ElementaryStream(StreamType.AAC_ADTS, 0x102)


def foreign(frames: int = 6, streams: tuple[ElementaryStream, ...] = (VIDEO, AUDIO)) -> bytes:
    """Return a stream without metadata: tables, then unbounded video frames."""
    ts, counter = tables(streams=streams), 15
    for number in range(frames):
        pes = encode_pes(0xE0, bytes([number]) * 400, 90_000 + 3_600 * number, bounded=False)
        packets, counter = split_into_packets(0x100, counter, pes, random_access=number % 3 == 0, pcr_27mhz=number)
        ts += packets
    return ts


def check_continuity(ts: bytes) -> None:
    demuxer = Demuxer()
    demuxer.feed(ts)
    demuxer.flush()
    assert demuxer.drops == {}


def tags_of(ts: bytes) -> list[tuple[int | None, Metadata]]:
    demuxer = Demuxer()
    found = demuxer.feed(ts) + demuxer.flush()
    return [(pes.pts_90khz, decode_metadata(pes.payload)) for pes in found if pes.stream_type == 0x15]


@pytest.mark.parametrize("chunk_bytes", [100, 188, 100_000])
def test_each_frame_can_be_stamped_right_before_it(chunk_bytes: int) -> None:
    ts = foreign()
    injector = MetadataInjector(lambda frame: Metadata(capture_unix_us=frame.pts_90khz * 10))
    out = b"".join(injector.feed(ts[at : at + chunk_bytes]) for at in range(0, len(ts), chunk_bytes))
    out += injector.flush()
    check_continuity(out)
    assert tags_of(out) == [(pts, Metadata(capture_unix_us=pts * 10)) for pts in range(90_000, 110_000, 3_600)]
    packets = packets_of(out)
    tag_places = [place for place, packet in enumerate(packets) if packet_pid(packet) == 0x103]
    for place in tag_places:
        following = decode_packet(packets[place + 1])
        assert (following.pid, following.payload_unit_start) == (0x100, True)


def test_all_packets_but_the_program_map_pass_untouched() -> None:
    ts = foreign()
    injector = MetadataInjector(lambda frame: Metadata(title="t"))
    out = injector.feed(ts) + injector.flush()
    kept = [packet for packet in packets_of(out) if packet_pid(packet) not in (PMT_PID, 0x103)]
    assert kept == [packet for packet in packets_of(ts) if packet_pid(packet) != PMT_PID]


def test_the_program_map_is_one_version_higher_and_keeps_the_rest() -> None:
    injector = MetadataInjector()
    out = injector.feed(foreign(streams=(VIDEO, ElementaryStream(15, 0x102, (Descriptor(10, b"deu\0"),)))))
    demuxer = Demuxer()
    demuxer.feed(out)
    program = demuxer.programs[1]
    assert program.version == 1
    assert [(stream.stream_type, stream.pid) for stream in program.streams] == [
        (27, 0x100),
        (15, 0x102),
        (21, 0x103),
    ]
    assert program.streams[1].descriptors == (Descriptor(10, b"deu\0"),)


def test_the_annotator_sees_time_and_random_access() -> None:
    seen: list[FrameStart] = []

    def annotate(frame: FrameStart) -> None:
        seen.append(frame)

    injector = MetadataInjector(annotate)
    assert len(injector.feed(foreign())) == len(foreign())
    assert [frame.random_access for frame in seen] == [True, False, False, True, False, False]
    assert injector.last_pts_90khz == 90_000 + 5 * 3_600


def test_an_inactive_injector_changes_nothing_until_something_is_inserted() -> None:
    ts = foreign()
    injector = MetadataInjector(active=False)
    assert injector.feed(ts) == ts
    assert injector.insert(Metadata(title="late"), 5) == b""
    packets = packets_of(tables(streams=(VIDEO, AUDIO)))
    again = b"".join(p[:3] + bytes([p[3] & 0xF0 | 1]) + p[4:] for p in packets)
    out = injector.feed(again)
    assert tags_of(out) == [(5, Metadata(title="late"))]
    check_continuity(ts + out)
    assert tags_of(out + injector.insert(Metadata(title="now"), 6))[1:] == [(6, Metadata(title="now"))]


def test_a_program_map_that_grows_over_one_packet_stays_continuous() -> None:
    streams = (ElementaryStream(0x1B, 0x100, (*long_descriptors(1), Descriptor(9, bytes(30)))), AUDIO)
    injector = MetadataInjector()
    table_packets = packets_of(tables(streams=streams))
    out = b""
    for number in range(20):
        again = [p[:3] + bytes([p[3] & 0xF0 | number & 15]) + p[4:] for p in table_packets]
        out += injector.feed(b"".join(again))
    assert len(packets_of(out, PMT_PID)) == 40
    check_continuity(out)


def test_the_tags_that_are_there_already_are_kept_and_ours_go_between() -> None:
    ts, counter = tables(streams=(VIDEO, timed_id3_stream(0x1F0))), 4
    inputs = []
    for number in range(3):
        pes = encode_pes(0xBD, b"ID3\4\0\0\0\0\2\x58" + bytes(344), number)
        packets, counter = split_into_packets(0x1F0, counter, pes)
        inputs.append(packets)
    injector = MetadataInjector()
    out = injector.feed(ts) + injector.feed(inputs[0])
    out += injector.feed(inputs[1][:TS_PACKET_BYTES])
    assert injector.insert(Metadata(title="ours"), 77) == b""
    out += injector.feed(inputs[1][TS_PACKET_BYTES:]) + injector.feed(inputs[2])
    check_continuity(out)
    assert [pts for pts, _ in tags_of(out)] == [0, 1, 77, 2]


def test_a_pid_that_the_input_begins_to_use_is_given_up() -> None:
    injector = MetadataInjector()
    first = injector.feed(tables(streams=(VIDEO,)))
    [pmt] = [decode_packet(packet) for packet in packets_of(first, PMT_PID)]
    assert decode_pmt(pmt.payload[1 : 4 + pmt.payload[3]]).streams[-1].pid == 0x102
    intruder, _ = split_into_packets(0x102, 3, b"x")
    assert injector.feed(intruder) == intruder
    assert not injector.ready
    packets = packets_of(tables(streams=(VIDEO,)))
    out = injector.feed(b"".join(p[:3] + bytes([p[3] & 0xF0 | 1]) + p[4:] for p in packets))
    [pmt] = [decode_packet(packet) for packet in packets_of(out, PMT_PID)]
    assert decode_pmt(pmt.payload[1 : 4 + pmt.payload[3]]).streams[-1].pid == 0x103


def test_a_program_map_without_room_passes_as_it_is() -> None:
    streams = (ElementaryStream(0x1B, 0x100, (*long_descriptors(9), Descriptor(1, bytes(80)))),)
    ts = tables(streams=streams)
    injector = MetadataInjector()
    assert injector.feed(ts) + injector.flush() == ts
    assert injector.drops == {"pmt_over_1024_bytes": 1}
    assert not injector.ready


def test_tags_that_wait_are_bounded() -> None:
    injector = MetadataInjector()
    for number in range(MAX_PENDING_TAGS + 1):
        assert injector.insert(Metadata(title=str(number)), number) == b""
    assert injector.drops == {"too_many_pending_tags": 1}
    tags = tags_of(injector.feed(small_stream(1)))
    assert [pts for pts, _ in tags] == list(range(1, MAX_PENDING_TAGS + 1))


def test_metadata_that_is_too_long_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="send less"):
        MetadataInjector().insert(Metadata(title="x" * 70_000), 0)
