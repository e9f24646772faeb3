"""One transport stream goes on where another ended."""

import numpy as np
import pytest
from tests.support.transport import long_descriptors, packets_of, tables

from headrace.codecs import hevc
from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.demuxer import Demuxer
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import NULL_PID, PAT_PID, decode_packet, encode_packet, packet_pid, split_into_packets
from headrace.mpegts.psi import (
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    encode_pmt,
    sections_to_unit,
)
from headrace.mpegts.splice import Splice, blank, unit_start
from headrace.mpegts.start_finder import StartFinder
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import Tables
from headrace.mpegts.unit_times import unit_times

VIDEO = ElementaryStream(StreamType.H264, 0x41)
SOUND = ElementaryStream(StreamType.AAC_ADTS, 0x42)


def frames(count: int, *, first: int = 0) -> bytes:
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS])
    ts = b""
    for number in range(first, first + count):
        ts += muxer.write(0, bytes([number]) * 700, 90_000 + number * 3000, random_access=number == first)
        ts += muxer.write(1, bytes([number]) * 100, 90_000 + number * 3000)
    return ts


def frames_of(kind: StreamType, count: int = 3, *, first: int = 0) -> bytes:
    muxer = Muxer([kind])
    return b"".join(
        muxer.write(0, bytes([number]) * 700, 90_000 + number * 3000, random_access=number == first)
        for number in range(first, first + count)
    )


def foreign_frames(count: int) -> bytes:
    """Return the same as `frames` on other PIDs, counters that begin elsewhere, and tables of another version."""
    counters = {PAT_PID: 3, 0x40: 5, 0x41: 9, 0x42: 12}
    out = b""
    for packet in packets_of(frames(count, first=100)):
        pid = {PAT_PID: PAT_PID, 0x1000: 0x40, 0x100: 0x41, 0x101: 0x42}[packet_pid(packet)]
        if pid in {PAT_PID, 0x40}:
            body = packets_of(tables(streams=(VIDEO, SOUND), pmt_pid=0x40, version=7), pid)[0][4:]
        else:
            body = packet[4:]
        counters[pid] += packet[3] >> 4 & 1
        out += bytes([0x47, packet[1] & 0xE0 | pid >> 8, pid & 0xFF, packet[3] & 0xF0 | counters[pid] & 15])
        out += body
    return out


def tables_of(ts: bytes) -> Tables | None:
    finder = StartFinder()
    for packet in packets_of(ts):
        finder.feed(packet)
    return finder.tables


def counters_of(ts: bytes) -> dict[int, int]:
    counters = ContinuityCounters()
    counters.feed(np.frombuffer(ts, np.uint8).reshape(-1, 188))
    return {pid: int(last) for pid, last in enumerate(counters.last) if last != 255}


def splice(before: bytes, after: bytes) -> Splice:
    return Splice(tables_of(before), tables_of(after), counters_of(before))


def mended(joint: Splice, ts: bytes, *, is_whole: bool = True) -> bytes:
    return b"".join(joint.mend(ts[at : at + 1316], is_whole=is_whole) for at in range(0, len(ts), 1316))


def errors(ts: bytes) -> int:
    return ContinuityCounters().feed(np.frombuffer(ts, np.uint8).reshape(-1, 188))


@pytest.mark.parametrize("after", [frames(5, first=50), foreign_frames(5)])
def test_counters_pids_and_tables_go_on_and_every_picture_is_there(after: bytes) -> None:
    before = frames(7)
    joint = splice(before, after)
    whole = before + joint.mark() + mended(joint, after)
    assert errors(whole) == 0
    demuxer = Demuxer()
    units = demuxer.feed(whole) + demuxer.flush()
    assert not demuxer.drops
    assert {unit.pid for unit in units} == {0x100, 0x101}
    first = after[-60]
    assert [unit.payload[0] for unit in units if unit.pid == 0x100] == [*range(7), *range(first - 4, first + 1)]
    assert len([unit for unit in units if unit.pid == 0x101]) == 12


def test_the_association_stays_and_the_map_gets_a_new_version_when_a_stream_is_missing() -> None:
    before, after = frames(3), foreign_frames(3)
    out = mended(splice(before, after), after)
    old, new = tables_of(before), tables_of(out)
    assert old is not None
    assert new is not None
    assert new.pat == old.pat
    assert new.pmt.version == old.pmt.version + 1
    assert [stream.pid for stream in new.pmt.streams] == [0x100, 0x101]


def test_the_mark_announces_the_jump_on_every_stream() -> None:
    before, after = frames(3), frames(3)
    packets = [decode_packet(packet) for packet in packets_of(splice(before, after).mark())]
    assert [packet.pid for packet in packets] == [0x100, 0x101, 0x102]
    last = counters_of(before)
    for packet in packets:
        assert packet.discontinuity
        assert not packet.has_payload
        assert packet.continuity_counter == last.get(packet.pid, 15)


def test_a_pid_that_was_not_there_before_counts_on_from_its_mark() -> None:
    before = tables(streams=(ElementaryStream(StreamType.H264, 0x100),)) + packets_of(frames(1), 0x100)[0]
    after = foreign_frames(3)
    joint = splice(before, after)
    mark, out = joint.mark(), mended(joint, after)
    assert packets_of(mark, 0x42)[0][3] & 15 == 15
    assert packets_of(after, 0x42)[0][3] & 15 == 13
    assert packets_of(out, 0x42)[0][3] & 15 == 0
    assert errors(before + mark + out) == 0


def test_the_mark_ends_a_sequence_of_hevc_so_that_no_picture_refers_to_one_before() -> None:
    before, after = frames_of(StreamType.HEVC), frames_of(StreamType.HEVC, first=50)
    joint = splice(before, after)
    mark, out = joint.mark(), mended(joint, after)
    (packet,) = map(decode_packet, packets_of(mark, 0x100))
    assert packet.discontinuity
    assert packet.continuity_counter == (counters_of(before)[0x100] + 1) % 16
    assert errors(before + mark.replace(b"\x80\xff", b"\0\xff") + out) == 0
    demuxer = Demuxer()
    units = demuxer.feed(before + mark + out) + demuxer.flush()
    assert not demuxer.drops
    assert [unit.payload[:1] for unit in units] == [b"\0", b"\1", b"\2", b"\0", b"2", b"3", b"4"]
    assert (units[3].payload, units[3].pts_90khz) == (
        b"\0\0\0\1" + bytes([hevc.NalType.END_OF_SEQUENCE << 1, 1]),
        None,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [(StreamType.H264, StreamType.HEVC), (StreamType.HEVC, StreamType.H264), (StreamType.H264, StreamType.H264)],
)
def test_a_mark_on_anything_but_hevc_after_hevc_carries_nothing(before: StreamType, after: StreamType) -> None:
    for packet in packets_of(splice(frames_of(before), frames_of(after)).mark()):
        assert not decode_packet(packet).has_payload


def test_hevc_that_comes_again_after_another_producer_ends_its_old_sequence() -> None:
    old, slate, new = frames_of(StreamType.HEVC), frames_of(StreamType.H264), frames_of(StreamType.HEVC, first=50)
    earlier = (ElementaryStream(StreamType.HEVC, 0x100),)
    first = Splice(tables_of(old), tables_of(slate), counters_of(old), earlier=earlier)
    before = old + first.mark() + mended(first, slate)
    second = Splice(tables_of(before), tables_of(new), counters_of(before), earlier=earlier)
    (mark,) = packets_of(second.mark(), 0x100)
    assert decode_packet(mark).has_payload
    assert errors(before + second.mark() + mended(second, new)) == 0


def test_the_rest_of_a_unit_that_began_before_is_blanked_where_nothing_is_missing() -> None:
    before, after = frames(3), frames(3, first=50)
    rest = split_into_packets(0x101, 4, bytes(400))[0]
    headless = b"".join(packet for packet in packets_of(rest)[1:])
    out = mended(splice(before, after), headless + after)
    assert [packet_pid(packet) for packet in packets_of(out)[:2]] == [NULL_PID, NULL_PID]
    assert errors(before + out) == 0
    late = mended(splice(before, after), headless + after, is_whole=False)
    assert [packet_pid(packet) for packet in packets_of(late)[:2]] == [0x101, 0x101]


def test_a_pid_in_no_table_that_another_stream_has_now_is_blanked() -> None:
    before, after = frames(3), foreign_frames(1)
    stray = encode_packet(0x100, 0, bytes(184), payload_unit_start=True)
    out = packets_of(mended(splice(before, after), stray + after))
    assert packet_pid(out[0]) == NULL_PID


def test_packets_without_tables_keep_their_pid_and_only_the_counters_go_on() -> None:
    before, after = frames(3), foreign_frames(3)
    joint = Splice(None, None, {0x41: 7, PAT_PID: 1})
    out = mended(joint, after)
    assert joint.mark() == b""
    assert {packet_pid(packet) for packet in packets_of(out)} == {PAT_PID, 0x40, 0x41, 0x42}
    assert packets_of(out, 0x41)[0][3] & 15 == 8
    assert errors(out) == 0
    assert before


def test_tables_too_long_for_one_packet_are_passed_on_as_they_are() -> None:
    before = frames(3)
    long = tables(streams=(ElementaryStream(StreamType.H264, 0x41, long_descriptors(3)),), pmt_pid=0x40)
    out = mended(splice(before, long), long)
    assert b"".join(packet[4:] for packet in packets_of(out, 0x40)) == b"".join(
        packet[4:] for packet in packets_of(long, 0x40)
    )


@pytest.mark.parametrize(("networks", "goes_on"), [(41, True), (42, False)])
def test_a_stream_goes_on_after_an_association_that_fits_one_packet_and_else_keeps_its_own(
    networks: int, *, goes_on: bool
) -> None:
    streams = ElementaryStream(StreamType.H264, 0x100), ElementaryStream(StreamType.AAC_ADTS, 0x101)
    before = tables(streams=streams, networks=networks)
    after = foreign_frames(3)
    out = mended(splice(before, after), after)
    told, own = tables_of(out), tables_of(before if goes_on else after)
    assert told is not None
    assert own is not None
    assert told.pat == own.pat
    assert [stream.pid for stream in told.pmt.streams] == ([0x100, 0x101] if goes_on else [0x41, 0x42])


def test_a_map_that_changes_is_continued_too() -> None:
    before, after = frames(3), foreign_frames(3)
    joint = splice(before, after)
    first = mended(joint, after)
    changed = tables(streams=(SOUND, ElementaryStream(StreamType.HEVC, 0x43)), pmt_pid=0x40, version=8)
    mended(joint, packets_of(changed, 0x40)[0])
    out = joint.mend(packets_of(changed, 0x40)[0], is_whole=True)
    old, new = tables_of(first), tables_of(packets_of(first)[0] + out)
    assert old is not None
    assert new is not None
    assert new.pmt.version == old.pmt.version + 1
    assert [(stream.stream_type, stream.pid) for stream in new.pmt.streams] == [
        (StreamType.AAC_ADTS, 0x101),
        (StreamType.HEVC, 0x43),
    ]


def test_a_damaged_map_changes_nothing() -> None:
    before, after = frames(3), foreign_frames(3)
    joint = splice(before, after)
    mended(joint, after)
    good = packets_of(after, 0x40)[0]
    for packet in (good[:10] + b"\xff" + good[11:], good[:4] + b"\xff" * 184, good[:4] + bytes(184)):
        assert packet_pid(joint.mend(packet, is_whole=True)) == 0x1000
    assert errors(before + joint.mark() + mended(splice(before, after), after)) == 0


def test_what_is_no_transport_stream_is_returned_as_it_is() -> None:
    joint = splice(frames(1), frames(1))
    for payload in (b"", b"x", bytes(1316), b"\x47" * 187):
        assert joint.mend(payload, is_whole=True) == payload


def test_where_a_unit_begins() -> None:
    ts = frames(1)
    assert unit_start(ts, PAT_PID) == 0
    assert unit_start(ts, 0x100) == 2 * 188
    assert unit_start(ts, 0x1FFE) is None
    assert unit_start(b"", 0x100) is None


def test_blanked_packets_are_null_packets() -> None:
    ts = frames(1)
    out = blank(ts, 188, 3 * 188)
    assert [packet_pid(packet) for packet in packets_of(out)[:4]] == [PAT_PID, NULL_PID, NULL_PID, 0x100]
    assert not decode_packet(packets_of(out)[1]).payload_unit_start


def test_a_program_map_on_the_network_pid_is_not_needed() -> None:
    pat = ProgramAssociation(1, 0, ((0, 0x10), (1, 0x1000)))
    assert Tables(pat, ProgramMap(1, 0, 0x100, (), ())).pmt_pid == 0x1000


def test_clock_and_times_are_shifted() -> None:
    before, after = frames(3), foreign_frames(3)
    joint = Splice(tables_of(before), tables_of(after), counters_of(before), 900_000)
    out = mended(joint, after)
    plain, shifted = (
        [(packet.pcr_27mhz, packet.payload_unit_start) for packet in map(decode_packet, packets_of(ts))]
        for ts in (mended(splice(before, after), after), out)
    )
    assert [(None if pcr is None else pcr + 900_000 * 300, is_start) for pcr, is_start in plain] == shifted
    assert [times.pts_90khz for packet in packets_of(out) for times in unit_times(packet)] == [
        times.pts_90khz + 900_000 for packet in packets_of(after) for times in unit_times(packet)
    ]


@pytest.mark.parametrize(("program_number", "current"), [(2, True), (1, False)])
def test_the_map_of_another_program_or_of_a_later_time_changes_nothing(program_number: int, current: bool) -> None:
    after = foreign_frames(3)
    joint = splice(frames(3), after)
    (known, *_) = packets_of(mended(joint, after), 0x1000)
    other = ProgramMap(program_number, 1, SOUND.pid, (), (SOUND,), current)
    packet, _ = split_into_packets(0x40, 0, sections_to_unit([encode_pmt(other)]))
    assert joint.mend(packet, is_whole=True)[4:] == known[4:]
