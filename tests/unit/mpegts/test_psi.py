import pytest
from tests.support.transport import long_descriptors, packets_of

from headrace.base.errors import PacketError
from headrace.mpegts.packet import decode_packet, split_into_packets
from headrace.mpegts.psi import (
    MAX_SECTION_BYTES,
    Descriptor,
    ElementaryStream,
    ProgramAssociation,
    ProgramMap,
    SectionAssembler,
    crc32_mpeg2,
    decode_descriptors,
    decode_pat,
    decode_pmt,
    encode_pat,
    encode_pmt,
    sections_to_unit,
)

PMT = ProgramMap(7, 5, 0x101, (Descriptor(5, b"HDMV"),), (ElementaryStream(0x1B, 0x101, (Descriptor(10, b"x"),)),))


def test_the_crc_has_the_check_value_of_its_definition() -> None:
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7


def test_ffmpegs_pat_is_understood_and_made_the_same() -> None:
    section = bytes.fromhex("00b00d0001c100000001f0002ab104b2")
    assert decode_pat(section) == ProgramAssociation(1, 0, ((1, 0x1000),))
    assert encode_pat(decode_pat(section)) == section


def test_a_program_map_keeps_all_it_says() -> None:
    assert decode_pmt(encode_pmt(PMT)) == PMT


def test_any_flipped_bit_is_found_by_the_crc() -> None:
    section = encode_pmt(PMT)
    for bit in range(24, len(section) * 8):
        damaged = bytearray(section)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PacketError) as caught:
            decode_pmt(bytes(damaged))
        assert caught.value.reason == "bad_section_crc"


def test_a_section_of_another_table_is_refused() -> None:
    with pytest.raises(PacketError, match="other_table"):
        decode_pat(encode_pmt(PMT))


@pytest.mark.parametrize("data", [b"\x05", b"\x05\x02a"])
def test_a_descriptor_past_the_end_is_refused(data: bytes) -> None:
    with pytest.raises(PacketError, match="bad_descriptor"):
        decode_descriptors(data)


def test_a_section_over_the_limit_cannot_be_made() -> None:
    big = ProgramMap(
        1, 0, 0x101, long_descriptors(9), (ElementaryStream(0x1B, 0x101, (Descriptor(1, bytes(83)),)),)
    )
    assert len(encode_pmt(big)) == MAX_SECTION_BYTES
    too_big = ProgramMap(
        1, 0, 0x101, big.descriptors, (ElementaryStream(0x1B, 0x101, (Descriptor(1, bytes(84)),)),)
    )
    with pytest.raises(ValueError, match="over 1024"):
        encode_pmt(too_big)


def assemble(ts: bytes) -> list[bytes]:
    assembler = SectionAssembler()
    sections = []
    for data in packets_of(ts):
        packet = decode_packet(data)
        sections += assembler.feed(packet.payload, payload_unit_start=packet.payload_unit_start)
    return sections


def test_sections_that_span_packets_are_joined() -> None:
    sections = [encode_pmt(ProgramMap(n, 0, 0x101, long_descriptors(4), PMT.streams)) for n in (1, 2)]
    ts, _ = split_into_packets(0x20, 0, sections_to_unit(sections))
    assert len(packets_of(ts)) == 5
    assert assemble(ts) == sections


def test_a_section_may_end_before_the_pointer_field_of_the_next() -> None:
    first = encode_pmt(ProgramMap(1, 0, 0x101, long_descriptors(2), PMT.streams))
    second = encode_pmt(PMT)
    assembler = SectionAssembler()
    assert assembler.feed(b"\0" + first[:183], payload_unit_start=True) == []
    rest = first[183:]
    payload = bytes([len(rest)]) + rest + second
    assert assembler.feed(payload, payload_unit_start=True) == [first, second]


def test_a_continuation_without_a_start_is_nothing() -> None:
    assert SectionAssembler().feed(encode_pmt(PMT), payload_unit_start=False) == []


def test_a_pointer_past_the_payload_is_refused() -> None:
    with pytest.raises(PacketError, match="bad_pointer_field"):
        SectionAssembler().feed(b"\x06abcde", payload_unit_start=True)


def test_a_section_that_claims_too_much_is_refused() -> None:
    with pytest.raises(PacketError, match="section_too_long"):
        SectionAssembler().feed(b"\0\x02\xbf\xff", payload_unit_start=True)
