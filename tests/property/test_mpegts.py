from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.transport import packets_of, small_stream, tables

from headrace.base.errors import PacketError
from headrace.mpegts.demuxer import MAX_BUFFERED_BYTES, Demuxer
from headrace.mpegts.id3 import decode_id3
from headrace.mpegts.injector import MetadataInjector
from headrace.mpegts.metadata import Metadata, decode_metadata, encode_metadata
from headrace.mpegts.packet import TS_PACKET_BYTES, PacketFinder, decode_packet, encode_packet, split_into_packets
from headrace.mpegts.pcr_pacer import PcrPacer
from headrace.mpegts.pes import (
    PTS_MODULUS_90KHZ,
    decode_pes_header,
    encode_pes,
    pts_distance_90khz,
    unwrap_pts_90khz,
)
from headrace.mpegts.psi import ElementaryStream, SectionAssembler, decode_pat, decode_pmt
from headrace.mpegts.stream_type import StreamType

STREAM = small_stream(8)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TIMES = st.integers(0, PTS_MODULUS_90KHZ - 1)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
EDITS = st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 255), st.booleans()), max_size=12)


def damaged(ts: bytes, edits: list[tuple[int, int, bool]]) -> bytes:
    """Return the stream with bytes changed, or cut out from there for as many bytes."""
    data = bytearray(ts)
    for place, byte, cut in edits:
        at = place % max(1, len(data))
        if cut:
            del data[at : at + byte]
        elif data:
            data[at] = byte
    return bytes(data)


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_rubbish_is_fed_to_everything_without_an_error(chunks: list[bytes]) -> None:
    demuxer, injector, pacer = Demuxer(), MetadataInjector(lambda frame: Metadata(title="t")), PcrPacer()
    for chunk in chunks:
        demuxer.feed(chunk)
        assert len(injector.feed(chunk)) % TS_PACKET_BYTES == 0
        pacer.feed(chunk, 0)
    demuxer.flush()
    injector.flush()


@given(st.lists(st.binary(min_size=187, max_size=187), max_size=30))
def test_packets_of_rubbish_behind_good_tables_do_no_harm(bodies: list[bytes]) -> None:
    demuxer, injector, pacer = Demuxer(), MetadataInjector(lambda frame: Metadata(title="t")), PcrPacer()
    for ts in (STREAM, b"".join(b"\x47" + body for body in bodies)):
        demuxer.feed(ts)
        injector.feed(ts)
        pacer.feed(ts, 0)
        assert 0 <= demuxer.buffered_bytes <= MAX_BUFFERED_BYTES


@settings(max_examples=150)
@given(EDITS)
def test_a_damaged_stream_never_gives_a_frame_that_was_not_sent_whole(edits: list[tuple[int, int, bool]]) -> None:
    demuxer = Demuxer()
    found = demuxer.feed(damaged(STREAM, edits)) + demuxer.flush()
    assert len(found) <= 8 + len(edits)
    injector = MetadataInjector(lambda frame: Metadata(title="t"))
    out = injector.feed(damaged(STREAM, edits)) + injector.flush()
    assert len(out) % TS_PACKET_BYTES == 0
    if not edits:
        assert len(found) == 8


@given(st.integers(0, 0x1FFE), st.integers(0, 15), st.binary(max_size=176), st.none() | st.integers(0, 2**42))
def test_a_packet_comes_back_as_it_was(pid: int, counter: int, payload: bytes, pcr_27mhz: int | None) -> None:
    decoded = decode_packet(encode_packet(pid, counter, payload, pcr_27mhz=pcr_27mhz))
    assert (decoded.pid, decoded.continuity_counter, decoded.payload) == (pid, counter, payload)
    assert decoded.has_payload == bool(payload)
    assert (decoded.pcr_27mhz is None) == (pcr_27mhz is None)


@given(st.binary(min_size=1, max_size=2_000), st.integers(0, 15), st.booleans())
def test_a_split_unit_joins_to_itself(unit: bytes, counter: int, random_access: bool) -> None:
    ts, last = split_into_packets(0x100, counter, unit, random_access=random_access)
    packets = [decode_packet(packet) for packet in packets_of(ts)]
    assert b"".join(packet.payload for packet in packets) == unit
    assert last == (counter + len(packets)) % 16
    assert [packet.random_access for packet in packets] == [random_access] + [False] * (len(packets) - 1)


@given(st.lists(st.integers(1, 500), max_size=20))
def test_the_finder_does_not_care_about_chunks(sizes: list[int]) -> None:
    finder, at, found = PacketFinder(), 0, []
    for size in sizes:
        found += finder.feed(STREAM[at : at + size])
        at += size
    found += finder.feed(STREAM[at:]) + finder.flush()
    assert b"".join(found) == STREAM


@given(TIMES, TIMES, st.binary(max_size=50))
def test_times_of_a_pes_packet_come_back(pts_90khz: int, dts_90khz: int, payload: bytes) -> None:
    pes = encode_pes(0xE0, payload, pts_90khz, dts_90khz)
    header = decode_pes_header(pes)
    assert (header.pts_90khz, header.dts_90khz, header.total_bytes) == (pts_90khz, dts_90khz, len(pes))
    assert pes[header.payload_offset :] == payload


@given(TIMES, st.integers(-(2**40), 2**40))
def test_unwrapping_gives_the_nearest_time(pts_90khz: int, near_90khz: int) -> None:
    unwrapped = unwrap_pts_90khz(pts_90khz, near_90khz)
    assert unwrapped % PTS_MODULUS_90KHZ == pts_90khz
    assert abs(unwrapped - near_90khz) <= PTS_MODULUS_90KHZ // 2
    assert -(2**32) <= pts_distance_90khz(pts_90khz, near_90khz % PTS_MODULUS_90KHZ) < 2**32


@given(st.binary(max_size=300))
def test_hostile_bytes_raise_nothing_but_packet_error(data: bytes) -> None:
    for decode in (decode_packet, decode_pat, decode_pmt, decode_pes_header, decode_id3, decode_metadata):
        with suppress(PacketError):
            decode(data)


@given(st.integers(3, 4), st.integers(0, 255), st.binary(max_size=120))
def test_hostile_tags_with_a_good_start_raise_nothing_but_packet_error(
    version: int, flags: int, body: bytes
) -> None:
    with suppress(PacketError):
        decode_metadata(b"ID3" + bytes([version, 0, flags, 0, 0, 0, len(body)]) + body)


@given(st.lists(st.tuples(st.binary(max_size=184), st.booleans()), max_size=10))
def test_hostile_section_payloads_raise_nothing_but_packet_error(payloads: list[tuple[bytes, bool]]) -> None:
    assembler = SectionAssembler()
    for payload, start in payloads:
        with suppress(PacketError):
            assembler.feed(payload, payload_unit_start=start)


@given(
    st.builds(
        Metadata,
        title=st.none() | TEXT,
        facts=st.dictionaries(TEXT.filter(lambda name: name != "application/json"), TEXT, max_size=5),
        data=st.none() | st.dictionaries(TEXT, JSON, max_size=4),
        capture_unix_us=st.none() | st.integers(0, 2**63 - 1),
    )
)
def test_metadata_comes_back(metadata: Metadata) -> None:
    assert decode_metadata(encode_metadata(metadata)) == metadata


@given(st.integers(0, 31))
def test_a_program_map_of_any_version_is_rewritten_one_higher(version: int) -> None:
    streams = (ElementaryStream(StreamType.H264, 0x100),)
    demuxer = Demuxer()
    demuxer.feed(MetadataInjector().feed(tables(streams=streams, version=version)))
    assert demuxer.programs[1].version == (version + 1) % 32
    assert demuxer.programs[1].streams[:1] == streams
