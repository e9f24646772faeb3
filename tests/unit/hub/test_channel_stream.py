"""One stream made of several, one after another."""

import numpy as np
import pytest
from tests.support.groups import VIDEO_PID, Groups, pictures
from tests.support.transport import tables

from headrace.fanout.ring import DEFAULT_RETENTION_US, FIRST_CAPACITY_PACKETS, NO_BACKLOG
from headrace.hub.channel_stream import MAX_EARLIER_STREAMS, ChannelStream
from headrace.hub.packet_run import PacketRun
from headrace.mpegts.continuity import ContinuityCounters
from headrace.mpegts.muxer import Muxer
from headrace.mpegts.packet import packet_pid
from headrace.mpegts.psi import ElementaryStream
from headrace.mpegts.start_finder import StartFinder
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import Tables
from headrace.mpegts.unit_starts import find_unit_starts
from headrace.mpegts.unit_times import find_stream_end, oldest_dts_90khz


def put(stream: ChannelStream, payloads: list[bytes], time_us: int = 0) -> None:
    for payload in payloads:
        assert stream.put(stream.ring.next_index, np.frombuffer(payload, np.uint8), time_us)


def held(stream: ChannelStream) -> list[bytes]:
    slots = stream.ring.slots(np.array(stream.new_since(0), np.int64)).tolist()
    return [stream.ring.store[slot, : stream.ring.lengths[slot]].tobytes() for slot in slots]


def tables_of(payload: bytes) -> Tables:
    finder = StartFinder()
    finder.feed(payload)
    assert finder.tables is not None
    return finder.tables


def test_the_first_stream_is_kept_as_it_is_and_has_a_start() -> None:
    stream, sent = ChannelStream(), Groups().next_frame()
    put(stream, sent)
    assert held(stream) == sent
    assert stream.ring.backlog_index == 0
    assert stream.video_pid == VIDEO_PID


def test_without_a_backlog_nobody_may_start_in_it() -> None:
    stream = ChannelStream(NO_BACKLOG)
    put(stream, Groups().next_frame())
    assert stream.ring.backlog_index is None


def test_what_is_here_already_is_not_looked_at_again() -> None:
    stream = ChannelStream()
    stream.ring.put(0, np.zeros(188, np.uint8), 0)
    assert not stream.put(0, np.frombuffer(Groups().next_frame()[0], np.uint8), 0)
    assert stream.ring.backlog_index is None


def test_another_stream_begins_with_a_mark_and_its_counters_go_on() -> None:
    stream, first, second = ChannelStream(), Groups(), Groups(seed=2)
    put(stream, first.next_frame() + first.next_frame())
    begin = stream.ring.next_index
    sent = second.next_frame()
    stream.begin(tables_of(sent[0]), sent, 77)
    assert stream.ring.backlog_index is None
    put(stream, sent)
    mark, *rest = held(stream)[begin:]
    assert (packet_pid(mark), mark[5]) == (VIDEO_PID, 0x80)
    assert stream.ring.times_us[begin] == 77
    assert pictures(rest) == pictures(sent)
    assert stream.ring.backlog_index == begin + 1
    packets = np.frombuffer(b"".join(held(stream)), np.uint8).reshape(-1, 188)
    assert ContinuityCounters().feed(packets) == 0


def test_a_late_packet_of_the_stream_before_is_mended_as_that_was() -> None:
    stream = ChannelStream()
    old, new = (Groups(seed=seed) for seed in (1, 2))
    first, lost, last = old.next_frame(), *old.next_frame()[:1], old.next_frame()
    put(stream, first)
    stream.put(stream.ring.next_index + 1, np.frombuffer(last[0], np.uint8), 0)
    splice = stream.splice
    fresh = new.next_frame()
    stream.begin(tables_of(fresh[0]), fresh, 0)
    assert stream.put_late(len(first), np.frombuffer(lost, np.uint8), 0, splice)
    assert held(stream)[len(first)] == lost


def test_after_the_end_nobody_starts_with_what_is_here() -> None:
    stream = ChannelStream()
    put(stream, Groups().next_frame())
    stream.end()
    assert stream.ring.backlog_index is None


def test_the_newest_two_keyframes_are_known() -> None:
    stream, groups = ChannelStream(), Groups(2)
    begins = []
    for _ in range(6):
        begins.append(stream.ring.next_index)
        put(stream, groups.next_frame())
    assert stream.keyframe_indices == (begins[4], begins[2])


@pytest.mark.parametrize(
    ("pause_us", "gap_90khz"), [(0, 3_600), (40_000, 3_600), (1_000_000, 90_000), (60_000_000, 450_000)]
)
def test_the_times_of_another_stream_follow_those_of_the_one_before(pause_us: int, gap_90khz: int) -> None:
    stream, first, second = ChannelStream(), Groups(), Groups(seed=2)
    old = [payload for _ in range(50) for payload in first.next_frame()]
    put(stream, old, 5_000_000)
    sent = second.next_frame()
    stream.begin(tables_of(sent[0]), sent, 5_000_000 + pause_us)
    begin = stream.ring.next_index
    put(stream, sent)
    new = stream.payloads(range(begin, stream.ring.next_index))
    assert oldest_dts_90khz(new) == (find_stream_end(old).newest_pts_90khz or 0) + gap_90khz
    assert oldest_dts_90khz(new) == find_stream_end(new).newest_pts_90khz


SOUND_90KHZ = 8 * 1_920
"""Eight frames of sound in each of its units, as FFmpeg's muxer gathers them."""


def pictures_and_sound(seconds: int) -> list[bytes]:
    """Return a stream whose sound is sent with the pictures of its beginning."""
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS])
    ts = b""
    for number in range(25 * seconds):
        pts_90khz = 90_000 + number * 3_600
        ts += muxer.write(0, bytes(100), pts_90khz, random_access=number == 0)
        if pts_90khz // SOUND_90KHZ != (pts_90khz - 3_600) // SOUND_90KHZ:
            ts += muxer.write(1, bytes(100), pts_90khz // SOUND_90KHZ * SOUND_90KHZ)
    return [ts[at : at + 1316] for at in range(0, len(ts), 1316)]


@pytest.mark.parametrize(("is_slate", "gap_90khz"), [(False, 0), (True, 36_000)])
def test_another_stream_begins_after_the_last_sound_and_later_after_a_slate(
    *, is_slate: bool, gap_90khz: int
) -> None:
    stream, old, sent = ChannelStream(), pictures_and_sound(2), Groups().next_frame()
    stream.begin(tables_of(old[0]), old, 0, is_slate=is_slate)
    put(stream, old)
    stream.begin(tables_of(sent[0]), sent, 0)
    begin = stream.ring.next_index
    put(stream, sent)
    last_sound_90khz = (90_000 + 49 * 3_600) // SOUND_90KHZ * SOUND_90KHZ
    new = stream.payloads(range(begin, stream.ring.next_index))
    assert oldest_dts_90khz(new) == last_sound_90khz + SOUND_90KHZ + gap_90khz


def test_a_stream_whose_times_are_not_known_is_left_as_it_is() -> None:
    stream, sent = ChannelStream(), Groups().next_frame()
    stream.begin(tables_of(sent[0]), sent, 0)
    put(stream, sent)
    assert held(stream)[-len(sent) :] == sent


def test_payloads_are_those_that_are_held() -> None:
    stream, sent = ChannelStream(), Groups().next_frame()
    put(stream, sent)
    assert stream.payloads(range(1, 100)) == sent[1:]


def test_the_pids_of_all_its_producers_are_remembered() -> None:
    stream = ChannelStream()
    pids = []
    for kind, pid in ((StreamType.H264, 0x100), (StreamType.HEVC, 0x100), (StreamType.H264, 0x200)):
        tables_ts = tables(streams=(ElementaryStream(kind, pid),))
        stream.begin(tables_of(tables_ts), [tables_ts], 0)
        put(stream, [tables_ts])
        assert stream.tables is not None
        pids.append(stream.tables.pmt.streams[0].pid)
    assert pids == [0x100, 0x101, 0x100]


def run_of(payloads: list[bytes], time_us: int = 0) -> PacketRun:
    rows = np.zeros((len(payloads), 1316), np.uint8)
    for row, payload in enumerate(payloads):
        rows[row, : len(payload)] = np.frombuffer(payload, np.uint8)
    headers = rows.view(">u4")[:, ::47].astype(np.uint32)
    lengths = [len(payload) for payload in payloads]
    times_us = list(range(time_us, time_us + len(payloads)))
    return PacketRun(rows, lengths, times_us, find_unit_starts(headers, np.array(lengths)))


@pytest.mark.parametrize("is_spliced", [False, True])
@pytest.mark.parametrize("is_prepared", [False, True])
def test_runs_make_the_same_stream_as_their_packets(*, is_spliced: bool, is_prepared: bool) -> None:
    together, one_by_one = ChannelStream(), ChannelStream()
    groups = Groups()
    for stream in (together, one_by_one):
        if is_prepared:
            stream.ring.prepare()
        if is_spliced:
            stream.begin(None, [], 0)
    for _ in range(40):
        sent, first = groups.next_frame(), together.ring.next_index
        assert together.put_run(first, run_of(sent)) == list(range(first, first + len(sent)))
        put(one_by_one, sent)
        assert held(together) == held(one_by_one)
        assert together.ring.backlog_index == one_by_one.ring.backlog_index
        assert together.keyframe_indices == one_by_one.keyframe_indices
    assert together.ring.backlog_index is not None


def test_a_run_of_which_some_is_here_already_tells_what_is_new() -> None:
    stream = ChannelStream()
    put(stream, [b"0", b"1"])
    stream.ring.put(3, np.zeros(1, np.uint8), 0)
    assert stream.put_run(2, run_of([b"2", b"3", b"4"])) == [2, 4]


def test_a_keyframe_in_a_run_keeps_its_tables_from_the_rest_of_the_run() -> None:
    stream, (tables_and_keyframe, *_) = ChannelStream(), Groups().next_frame()
    filling = b"\x47\x1f\xff\x10" + bytes(184)
    put(stream, [filling, tables_and_keyframe[: 2 * 188], *[filling] * (FIRST_CAPACITY_PACKETS - 2)])
    late_us = DEFAULT_RETENTION_US + 1
    stream.put_run(FIRST_CAPACITY_PACKETS, run_of([tables_and_keyframe[2 * 188 :], filling, filling], late_us))
    assert stream.ring.backlog_index == 1
    assert stream.ring.start_index(late_us) == 1


def test_of_all_streams_that_were_there_before_only_the_newest_are_remembered() -> None:
    stream = ChannelStream()
    for number in range(12):
        streams = tuple(ElementaryStream(0x80 + number, 0x100 + 10 * number + place) for place in range(10))
        made = tables(streams=streams, version=number)
        put(stream, [made])
        stream.begin(tables_of(made), [], 0)
    assert len(stream._streams) == MAX_EARLIER_STREAMS
    assert 0x100 + 10 * 11 in stream._streams
    assert 0x100 not in stream._streams
