import tracemalloc

import pytest
from tests.support.transport import packets_of, small_stream, tables

from headrace.mpegts import demuxer as module
from headrace.mpegts.demuxer import MAX_PES_BYTES, MAX_PROGRAMS, MAX_STREAMS, Demuxer, PesPacket
from headrace.mpegts.muxer import FIRST_STREAM_PID, Muxer
from headrace.mpegts.packet import PAT_PID, encode_packet, split_into_packets
from headrace.mpegts.pes import encode_pes
from headrace.mpegts.psi import ElementaryStream, ProgramAssociation, encode_pat, sections_to_unit
from headrace.mpegts.stream_type import StreamType

VIDEO = (ElementaryStream(StreamType.H264, 0x100),)


@pytest.mark.parametrize("chunk_bytes", [1, 100, 188, 1316, 1 << 20])
def test_chunks_of_any_size_give_the_same_packets(chunk_bytes: int) -> None:
    ts = small_stream(12)
    demuxer = Demuxer()
    found = [pes for at in range(0, len(ts), chunk_bytes) for pes in demuxer.feed(ts[at : at + chunk_bytes])]
    found += demuxer.flush()
    assert [pes.payload for pes in found] == [bytes([number]) * 500 for number in range(12)]
    assert [pes.pts_90khz for pes in found] == [90_000 + 3_600 * number for number in range(12)]
    assert [number for number, pes in enumerate(found) if pes.random_access] == [0, 5, 10]
    assert demuxer.drops == {}


def test_a_packet_of_given_length_comes_at_once_and_another_with_the_next() -> None:
    demuxer = Demuxer()
    demuxer.feed(tables(streams=VIDEO))
    bounded, counter = split_into_packets(0x100, 15, encode_pes(0xE0, bytes(300), 1))
    assert len(demuxer.feed(bounded)) == 1
    endless, counter = split_into_packets(0x100, counter, encode_pes(0xE0, b"e" * 300, 2, bounded=False))
    assert demuxer.feed(endless) == []
    following, counter = split_into_packets(0x100, counter, encode_pes(0xE0, b"f" * 300, 3, bounded=False))
    assert demuxer.feed(following) == [PesPacket(0x100, StreamType.H264, 2, 2, b"e" * 300, random_access=False)]
    assert [pes.pts_90khz for pes in demuxer.flush()] == [3]
    assert demuxer.flush() == []


def test_a_lost_packet_costs_its_frame_alone() -> None:
    packets = packets_of(small_stream(5))
    lost = next(at for at, packet in enumerate(packets) if packet[4:8] == b"\x02\x02\x02\x02")
    demuxer = Demuxer()
    found = demuxer.feed(b"".join(packets[:lost] + packets[lost + 1 :]))
    assert [pes.payload[0] for pes in found] == [0, 1, 3, 4]
    assert demuxer.drops["continuity_error"] == 1
    assert demuxer.drops["damaged_pes"] == 1


def test_a_repeated_packet_is_taken_once() -> None:
    packets = packets_of(small_stream(2))
    demuxer = Demuxer()
    found = demuxer.feed(b"".join(packet + packet for packet in packets))
    assert [pes.payload for pes in found] == [b"\0" * 500, b"\1" * 500]
    assert demuxer.drops["duplicate_packet"] == len(packets)


def test_an_announced_discontinuity_is_no_error_but_ends_the_frame() -> None:
    demuxer = Demuxer()
    demuxer.feed(tables(streams=VIDEO))
    start, _ = split_into_packets(0x100, 15, encode_pes(0xE0, bytes(170), 1, bounded=False))
    demuxer.feed(start)
    jump = b"\x47\x01\x00\x39\x01\x80" + bytes(182)
    demuxer.feed(jump)
    assert demuxer.drops == {"discontinuity": 1, "no_pes_start": 1}
    assert demuxer.buffered_bytes == 0


def test_a_damaged_packet_is_not_believed() -> None:
    packets = packets_of(small_stream(1))
    demuxer = Demuxer()
    demuxer.feed(b"".join(packets[:3]))
    assert demuxer.feed(packets[3][:1] + bytes([packets[3][1] | 0x80]) + packets[3][2:]) == []
    assert demuxer.drops["transport_error"] == 1
    assert demuxer.drops["damaged_pes"] == 1


def test_a_frame_over_the_limit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PES_BYTES", 1000)
    for payload_bytes, expected in ((1000 - 14, 1), (1001 - 14, 0)):
        demuxer = Demuxer()
        demuxer.feed(tables(streams=VIDEO))
        ts, _ = split_into_packets(0x100, 15, encode_pes(0xE0, bytes(payload_bytes), 1, bounded=False))
        assert len(demuxer.feed(ts) + demuxer.flush()) == expected
        assert demuxer.drops["pes_too_long"] == 1 - expected
        assert demuxer.buffered_bytes == 0


def test_all_streams_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BUFFERED_BYTES", 2_000)
    for second_bytes, dropped in ((1_000, 0), (1_001, 1)):
        demuxer = Demuxer()
        demuxer.feed(tables(streams=(*VIDEO, ElementaryStream(StreamType.HEVC, 0x101))))
        for pid, unit_bytes in ((0x100, 1_000), (0x101, second_bytes)):
            pes = encode_pes(0xE0, bytes(unit_bytes - 14), 1, bounded=False)
            demuxer.feed(split_into_packets(pid, 15, pes)[0])
        assert demuxer.drops["pes_too_long"] == dropped
        assert demuxer.buffered_bytes == (1_000 if dropped else 2_000)


def test_frames_that_never_end_cannot_fill_the_memory() -> None:
    demuxer = Demuxer()
    demuxer.feed(tables(streams=VIDEO))
    demuxer.feed(split_into_packets(0x100, 15, encode_pes(0xE0, b"", 1, bounded=False))[0])
    burst = b"".join(encode_packet(0x100, number, bytes(184)) for number in range(1, 17))
    for _ in range(MAX_PES_BYTES // 184 // 16 + 100):
        demuxer.feed(burst)
        assert demuxer.buffered_bytes <= MAX_PES_BYTES
    assert demuxer.drops["pes_too_long"] == 1


@pytest.mark.parametrize("payload_bytes", [0, 2])
def test_a_frame_in_tiny_pieces_takes_no_more_memory_than_its_bytes(payload_bytes: int) -> None:
    demuxer = Demuxer()
    demuxer.feed(tables(streams=VIDEO))
    demuxer.feed(split_into_packets(0x100, 15, encode_pes(0xE0, b"", 1, bounded=False))[0])
    stuffing = b"\0" + b"\xff" * (182 - payload_bytes) + b"ab"[:payload_bytes]
    packets = [b"\x47\x01\x00" + bytes([0x30 | at % 16, 183 - payload_bytes]) + stuffing for at in range(1, 17)]
    tracemalloc.start()
    try:
        for _ in range(400):
            demuxer.feed(b"".join(packets))
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert demuxer.buffered_bytes == 14 + 6_400 * payload_bytes
    assert held_bytes < 2 * 6_400 * payload_bytes + 8_192


@pytest.mark.parametrize(("count", "reason"), [(MAX_PROGRAMS, None), (MAX_PROGRAMS + 1, "too_many_programs")])
def test_the_number_of_programs_is_bounded(count: int, reason: str | None) -> None:
    demuxer = Demuxer()
    pat = ProgramAssociation(1, 0, tuple((number + 1, 0x200 + number) for number in range(count)))
    demuxer.feed(split_into_packets(PAT_PID, 15, sections_to_unit([encode_pat(pat)]))[0])
    assert list(demuxer.drops) == ([reason] if reason else [])


@pytest.mark.parametrize(("count", "reason"), [(MAX_STREAMS, None), (MAX_STREAMS + 1, "too_many_streams")])
def test_the_number_of_streams_is_bounded(count: int, reason: str | None) -> None:
    demuxer = Demuxer()
    streams = tuple(ElementaryStream(StreamType.H264, 0x100 + number) for number in range(count))
    demuxer.feed(tables(streams=streams))
    assert list(demuxer.drops) == ([reason] if reason else [])
    assert len(demuxer.streams) == (0 if reason else count)


def test_a_new_program_map_replaces_the_streams() -> None:
    demuxer = Demuxer()
    demuxer.feed(tables(streams=VIDEO))
    other = tables(streams=(ElementaryStream(StreamType.HEVC, 0x101),), version=1)
    packets = packets_of(other)
    renumbered = b"".join(p[:3] + bytes([p[3] & 0xF0 | 1]) + p[4:] for p in packets)
    demuxer.feed(renumbered)
    assert [stream.pid for stream in demuxer.streams] == [0x101]
    ts, _ = split_into_packets(0x100, 15, encode_pes(0xE0, b"old", 1))
    assert demuxer.feed(ts) == []


def test_two_streams_are_kept_apart() -> None:
    muxer = Muxer([StreamType.H264, StreamType.AAC_ADTS])
    video = packets_of(muxer.write(0, b"v" * 400, 90_000, random_access=True))
    audio = packets_of(muxer.write(1, b"a" * 400, 90_000))
    mixed = video[:3] + [packet for pair in zip(video[3:], audio, strict=False) for packet in pair] + audio[2:]
    found = Demuxer().feed(b"".join(mixed))
    assert {(pes.pid - FIRST_STREAM_PID, pes.payload[:1], len(pes.payload)) for pes in found} == {
        (0, b"v", 400),
        (1, b"a", 400),
    }


def unbounded(size: int, counter: int, number: int = 1) -> tuple[bytes, int]:
    pes = encode_pes(0xE0, bytes([number]) * size, number, bounded=False)
    return split_into_packets(0x100, counter, pes)


def test_a_picture_of_no_given_length_ends_where_a_packet_is_stuffed_if_that_is_believed() -> None:
    for believed in (False, True):
        demuxer = Demuxer(ends_at_stuffing=believed)
        demuxer.feed(tables(streams=VIDEO))
        ts, _ = unbounded(300, 15)
        assert demuxer.feed(ts[:188]) == []
        assert len(demuxer.feed(ts[188:])) == believed
        assert len(demuxer.flush()) == (not believed)


def test_a_picture_that_fills_its_packets_ends_with_the_next() -> None:
    demuxer = Demuxer(ends_at_stuffing=True)
    demuxer.feed(tables(streams=VIDEO))
    full, counter = unbounded(2 * 184 - 14, 15)
    assert demuxer.feed(full) == []
    after, _ = unbounded(100, counter, 2)
    assert [pes.pts_90khz for pes in demuxer.feed(after)] == [1, 2]


def test_what_is_missing_is_told_with_the_next_packet_of_its_stream() -> None:
    demuxer = Demuxer(ends_at_stuffing=True)
    demuxer.feed(tables(streams=VIDEO))
    counter, found = 15, []
    for number in range(1, 6):
        ts, counter = unbounded(300, counter, number)
        if number == 4:
            demuxer.handle_loss()
        found += demuxer.feed(ts[188:] if number == 2 else ts)
    assert [(pes.pts_90khz, pes.follows_loss) for pes in found] == [(1, False), (3, True), (4, True), (5, False)]
    assert demuxer.drops == {"continuity_error": 1, "no_pes_start": 1}


def test_after_a_loss_what_was_begun_is_not_gone_on_with() -> None:
    demuxer = Demuxer(ends_at_stuffing=True)
    demuxer.feed(tables(streams=VIDEO))
    ts, _ = unbounded(300, 15)
    demuxer.feed(ts[:188])
    demuxer.handle_loss()
    assert demuxer.buffered_bytes == 0
    assert demuxer.feed(ts[188:]) == []
