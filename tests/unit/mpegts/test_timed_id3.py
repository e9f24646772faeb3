from headrace.mpegts.metadata import Metadata, decode_metadata
from headrace.mpegts.pes import PRIVATE_STREAM_1, decode_pes_header
from headrace.mpegts.psi import Descriptor, ElementaryStream, ProgramMap
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.timed_id3 import (
    encode_tag_pes,
    find_timed_id3_pid,
    metadata_pointer_descriptor,
    timed_id3_stream,
)


def test_the_descriptors_have_the_bytes_that_apple_asks_for() -> None:
    assert metadata_pointer_descriptor(1).encode().hex() == "250fffff49443320ff49443320001f0001"
    assert timed_id3_stream(0x102).descriptors[0].encode().hex() == "260dffff49443320ff49443320000f"


def test_a_stream_is_known_by_type_and_descriptor() -> None:
    klv = ElementaryStream(StreamType.METADATA, 0x90, (Descriptor(0x26, b"\1\0\xffKLVA\0\x0f"),))
    private = ElementaryStream(StreamType.PRIVATE_DATA, 0x91, timed_id3_stream(0x91).descriptors)
    assert find_timed_id3_pid(ProgramMap(1, 0, 0x100, (), (klv, private))) is None
    assert find_timed_id3_pid(ProgramMap(1, 0, 0x100, (), (klv, timed_id3_stream(0x92)))) == 0x92


def test_a_tag_is_one_private_packet_with_its_time() -> None:
    pes = encode_tag_pes(Metadata(title="t"), 12_345)
    header = decode_pes_header(pes)
    assert (header.stream_id, header.pts_90khz, header.total_bytes) == (PRIVATE_STREAM_1, 12_345, len(pes))
    assert decode_metadata(pes[header.payload_offset :]) == Metadata(title="t")
