"""How one stream takes the PIDs of another."""

from tests.fuzz.steps import count_lines

from headrace.mpegts.packet import NULL_PID
from headrace.mpegts.psi import Descriptor, ElementaryStream, ProgramAssociation, ProgramMap
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import FIRST_FREE_PID, Tables, continue_tables

AV1 = Descriptor(0x05, b"AV01")
OPUS = Descriptor(0x05, b"Opus")


def make(*streams: ElementaryStream, pmt_pid: int = 0x1000, version: int = 3, program: int = 1) -> Tables:
    pmt = ProgramMap(program, version, streams[0].pid, (), streams)
    return Tables(ProgramAssociation(1, version, ((0, 0x10), (program, pmt_pid))), pmt)


def test_a_stream_like_the_one_before_has_its_tables_version_and_all() -> None:
    before = make(ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101))
    after = make(
        ElementaryStream(StreamType.H264, 0x41),
        ElementaryStream(StreamType.AAC_ADTS, 0x42),
        pmt_pid=0x40,
        version=9,
        program=7,
    )
    tables, pids = continue_tables(before, after)
    assert tables == before
    assert pids == {0x41: 0x100, 0x42: 0x101}
    assert after.pmt_pid == 0x40
    assert after.pids == {0x41, 0x42}


def test_a_stream_of_another_kind_gets_a_pid_of_its_own_and_the_version_changes() -> None:
    before = make(
        ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101), version=31
    )
    after = make(ElementaryStream(StreamType.HEVC, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101))
    tables, pids = continue_tables(before, after)
    assert pids == {0x100: 0x102, 0x101: 0x101}
    assert tables.pmt.version == 0
    assert tables.pmt.pcr_pid == 0x102
    assert [stream.pid for stream in tables.pmt.streams] == [0x102, 0x101]


def test_a_pid_that_nothing_had_is_kept() -> None:
    before = make(ElementaryStream(StreamType.H264, 0x100))
    after = make(ElementaryStream(StreamType.H264, 0x200), ElementaryStream(StreamType.METADATA, 0x201))
    tables, pids = continue_tables(before, after)
    assert pids == {0x200: 0x100, 0x201: 0x201}
    assert tables.pmt.version == 4


def test_of_two_alike_each_takes_one_in_order() -> None:
    before = make(
        ElementaryStream(StreamType.H264, 0x100),
        ElementaryStream(StreamType.AAC_ADTS, 0x101),
        ElementaryStream(StreamType.AAC_ADTS, 0x102),
    )
    after = make(
        ElementaryStream(StreamType.H264, 0x102),
        ElementaryStream(StreamType.AAC_ADTS, 0x100),
        ElementaryStream(StreamType.AAC_ADTS, 0x101),
    )
    assert continue_tables(before, after)[1] == {0x102: 0x100, 0x100: 0x101, 0x101: 0x102}


def test_private_data_is_what_its_descriptors_say() -> None:
    before = make(ElementaryStream(StreamType.PRIVATE_DATA, 0x100, (AV1,)))
    same = make(ElementaryStream(StreamType.PRIVATE_DATA, 0x200, (AV1,)))
    other = make(ElementaryStream(StreamType.PRIVATE_DATA, 0x200, (OPUS,)))
    assert continue_tables(before, same)[1] == {0x200: 0x100}
    assert continue_tables(before, other)[1] == {0x200: 0x200}


def test_the_map_of_the_stream_before_keeps_its_pid_to_itself() -> None:
    before = make(ElementaryStream(StreamType.H264, 0x100), pmt_pid=0x200)
    after = make(ElementaryStream(StreamType.HEVC, 0x200))
    assert continue_tables(before, after)[1] == {0x200: 0x101}


def test_a_clock_reference_of_its_own_gets_a_pid_too() -> None:
    before = make(ElementaryStream(StreamType.H264, 0x100))
    pmt = ProgramMap(1, 0, 0x100, (), (ElementaryStream(StreamType.H264, 0x200),))
    tables, pids = continue_tables(before, Tables(ProgramAssociation(1, 0, ((1, 0x1000),)), pmt))
    assert pids == {0x200: 0x100, 0x100: 0x101}
    assert tables.pmt.pcr_pid == 0x101


def with_clock(pcr_pid: int) -> Tables:
    pmt = ProgramMap(1, 0, pcr_pid, (), (ElementaryStream(StreamType.H264, 0x100),))
    return Tables(ProgramAssociation(1, 0, ((1, 0x1000),)), pmt)


def test_a_clock_reference_of_its_own_takes_the_pid_of_the_one_before() -> None:
    before = with_clock(0x50)
    assert continue_tables(before, with_clock(0x50)) == (before, {0x100: 0x100, 0x50: 0x50})
    assert continue_tables(before, with_clock(0x60)) == (before, {0x100: 0x100, 0x60: 0x50})


def test_a_stream_without_a_clock_reference_gets_none() -> None:
    before = with_clock(NULL_PID)
    assert continue_tables(before, before)[0] == before
    assert continue_tables(with_clock(0x50), before)[0].pmt.pcr_pid == NULL_PID
    assert continue_tables(before, with_clock(0x50))[1] == {0x100: 0x100, 0x50: 0x50}


def test_a_kind_that_comes_again_has_its_old_pid_and_another_kind_never_gets_it() -> None:
    h264, hevc = ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.HEVC, 0x101)
    before = make(hevc)
    again = make(ElementaryStream(StreamType.H264, 0x300))
    assert continue_tables(before, again, (h264, hevc))[1] == {0x300: 0x100}
    other = make(ElementaryStream(StreamType.MPEG2_VIDEO, 0x100))
    assert continue_tables(before, other, (h264, hevc))[1] == {0x100: 0x102}


def alike(count: int, first_pid: int, kind: int = StreamType.MPEG2_AUDIO) -> tuple[ElementaryStream, ...]:
    return tuple(ElementaryStream(kind, first_pid + number) for number in range(count))


def test_a_stream_for_which_no_pid_is_left_becomes_null_packets() -> None:
    before = make(*alike(1, 0x100))
    everything = alike(NULL_PID - FIRST_FREE_PID, FIRST_FREE_PID)
    assert continue_tables(before, make(*alike(1, 0x100, StreamType.HEVC)), everything)[1] == {0x100: NULL_PID}


def lines_of(before: Tables, after: Tables) -> int:
    return count_lines(lambda: continue_tables(before, after))[1]


def test_many_streams_are_matched_in_work_that_grows_with_their_number_and_not_faster() -> None:
    lines = [
        lines_of(make(*alike(count, 0x100)), make(*alike(count, 0x1100, kind)))
        for count in (100, 800)
        for kind in (StreamType.MPEG2_AUDIO, StreamType.AAC_ADTS)
    ]
    assert lines[2] < 10 * lines[0]
    assert lines[3] < 10 * lines[1]
