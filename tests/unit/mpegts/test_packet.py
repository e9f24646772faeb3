import pytest

from headrace.base.errors import PacketError
from headrace.mpegts.packet import (
    MAX_PAYLOAD_BYTES,
    PACKETS_TO_LOCK,
    PCR_MODULUS_27MHZ,
    TS_PACKET_BYTES,
    PacketFinder,
    decode_packet,
    encode_packet,
    is_transport_stream,
    payload_offset,
    shift_pcr,
    split_into_packets,
)


@pytest.mark.parametrize("payload_bytes", [1, 182, 183, 184])
def test_a_packet_is_188_bytes_whatever_its_payload(payload_bytes: int) -> None:
    payload = bytes(range(payload_bytes))
    packet = encode_packet(0x123, 7, payload, payload_unit_start=True)
    assert len(packet) == TS_PACKET_BYTES
    decoded = decode_packet(packet)
    assert (decoded.pid, decoded.continuity_counter, decoded.payload) == (0x123, 7, payload)
    assert decoded.payload_unit_start
    assert not decoded.random_access


def test_a_payload_one_byte_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        encode_packet(1, 0, bytes(MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(ValueError, match="do not fit"):
        encode_packet(1, 0, bytes(MAX_PAYLOAD_BYTES - 7), pcr_27mhz=0)


def test_the_known_bytes_of_a_packet_with_a_clock_reference() -> None:
    packet = encode_packet(0x100, 3, b"", pcr_27mhz=300 * 0x1_0000_0001 + 5)
    assert packet[:12].hex() == "4701002" + "3b71080000000fe05"[0:]
    assert packet[12:] == b"\xff" * 176


@pytest.mark.parametrize(
    "pcr_27mhz", [0, 299, 300, PCR_MODULUS_27MHZ - 1, PCR_MODULUS_27MHZ, PCR_MODULUS_27MHZ + 9]
)
def test_a_clock_reference_is_kept_modulo_its_range(pcr_27mhz: int) -> None:
    decoded = decode_packet(encode_packet(0x100, 3, b"x", random_access=True, pcr_27mhz=pcr_27mhz))
    assert decoded.pcr_27mhz == pcr_27mhz % PCR_MODULUS_27MHZ
    assert decoded.random_access
    assert decoded.payload == b"x"


def test_a_packet_of_adaptation_field_alone_has_no_payload() -> None:
    decoded = decode_packet(encode_packet(0x100, 3, b"", pcr_27mhz=1))
    assert not decoded.has_payload
    assert decoded.payload == b""


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"\x47" + bytes(186), "bad_length"),
        (b"\x48" + bytes(187), "no_sync_byte"),
        (b"\x47\0\0\x00" + bytes(184), "reserved_adaptation_field"),
        (b"\x47\0\0\x30\xb8" + bytes(183), "bad_adaptation_field"),
        (b"\x47\0\0\x30\x06\x10" + bytes(182), "bad_adaptation_field"),
    ],
)
def test_a_malformed_packet_has_a_named_reason(packet: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode_packet(packet)
    assert caught.value.reason == reason


def test_the_longest_adaptation_field_leaves_no_payload() -> None:
    assert decode_packet(b"\x47\0\0\x30\xb7" + bytes(183)).payload == b""


def test_a_unit_is_split_with_counters_that_wrap() -> None:
    packets, counter = split_into_packets(0x40, 14, bytes(400), random_access=True, pcr_27mhz=0)
    decoded = [decode_packet(packets[at : at + 188]) for at in range(0, len(packets), 188)]
    assert [packet.continuity_counter for packet in decoded] == [15, 0, 1]
    assert counter == 1
    assert [packet.payload_unit_start for packet in decoded] == [True, False, False]
    assert [len(packet.payload) for packet in decoded] == [176, 184, 40]


def numbered_packets(count: int) -> list[bytes]:
    return [encode_packet(0x100, number, bytes([number]) * 184) for number in range(count)]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 187, 188, 189, 1000])
def test_packets_are_found_in_chunks_of_any_size(chunk_bytes: int) -> None:
    packets = numbered_packets(12)
    ts = b"".join(packets)
    finder = PacketFinder()
    found = [p for at in range(0, len(ts), chunk_bytes) for p in finder.feed(ts[at : at + chunk_bytes])]
    assert found + finder.flush() == packets
    assert finder.skipped_bytes == 0


def test_one_aligned_packet_passes_at_once() -> None:
    packet = numbered_packets(1)
    assert PacketFinder().feed(packet[0]) == packet


def test_the_beat_is_found_after_rubbish_that_looks_like_a_sync_byte() -> None:
    packets = numbered_packets(8)
    finder = PacketFinder()
    assert finder.feed(b"\x47ab\x47" + b"".join(packets)) + finder.flush() == packets
    assert finder.skipped_bytes == 4


def test_the_beat_is_found_again_after_lost_bytes() -> None:
    packets = numbered_packets(12)
    finder = PacketFinder()
    ts = b"".join(packets)
    found = finder.feed(ts[:600] + ts[650:]) + finder.flush()
    assert found[:3] + found[4:] == packets[:3] + packets[5:]


def test_what_is_kept_back_is_bounded() -> None:
    finder = PacketFinder()
    for _ in range(1000):
        finder.feed(b"\x47" + bytes(100))
        assert len(finder._buffer) < PACKETS_TO_LOCK * TS_PACKET_BYTES


@pytest.mark.parametrize(
    ("payload", "is_one"),
    [
        (b"\x47" + bytes(187), True),
        ((b"\x47" + bytes(187)) * 7, True),
        ((b"\x47" + bytes(187)) * 8, False),
        ((b"\x47" + bytes(187)) * 2 + b"\x47", False),
        (b"\x47" + bytes(188), False),
        (b"", False),
    ],
)
def test_a_datagram_of_a_transport_stream_is_one_to_seven_whole_packets(payload: bytes, is_one: bool) -> None:
    assert is_transport_stream(payload) is is_one


def test_a_clock_reference_is_shifted_in_place_and_through_its_wrap() -> None:
    packets = bytearray(encode_packet(0x100, 0, b"unit", pcr_27mhz=7) * 2)
    shift_pcr(packets, TS_PACKET_BYTES, -1)
    assert packets[:TS_PACKET_BYTES] == encode_packet(0x100, 0, b"unit", pcr_27mhz=7)
    assert packets[TS_PACKET_BYTES:] == encode_packet(0x100, 0, b"unit", pcr_27mhz=PCR_MODULUS_27MHZ - 300 + 7)


def test_a_packet_without_a_clock_reference_is_left_alone() -> None:
    for packet in (encode_packet(0x100, 0, bytes(184)), encode_packet(0x100, 0, bytes(10), random_access=True)):
        shifted = bytearray(packet)
        shift_pcr(shifted, 0, 90_000)
        assert shifted == packet


def test_the_payload_begins_after_header_and_adaptation_field() -> None:
    plain, short = encode_packet(0x100, 0, bytes(184)), encode_packet(0x100, 0, bytes(80))
    assert payload_offset(plain) == 4
    assert payload_offset(short) == 188 - 80
    assert payload_offset(bytearray(plain + short), 188) == 2 * 188 - 80


@pytest.mark.parametrize(
    ("packet", "is_stuffed"),
    [
        (encode_packet(1, 0, bytes(184)), False),
        (encode_packet(1, 0, bytes(183)), True),
        (encode_packet(1, 0, bytes(182)), True),
        (encode_packet(1, 0, bytes(182), random_access=True), False),
        (encode_packet(1, 0, bytes(181), random_access=True), True),
        (encode_packet(1, 0, bytes(176), pcr_27mhz=5), False),
        (encode_packet(1, 0, bytes(175), pcr_27mhz=5), True),
        (encode_packet(1, 0, b"", pcr_27mhz=5), False),  # nothing ends with a packet that has no payload
    ],
)
def test_a_packet_is_stuffed_where_its_adaptation_field_is_longer_than_what_it_holds(
    packet: bytes, is_stuffed: bool
) -> None:
    assert decode_packet(packet).is_stuffed == is_stuffed


@pytest.mark.parametrize(("tail", "is_stuffed"), [(b"\x01\x07", False), (b"\x01\x07\xff", True)])
def test_private_data_is_no_stuffing(tail: bytes, is_stuffed: bool) -> None:
    field = b"\x02" + tail
    packet = b"\x47\x00\x01\x30" + bytes([len(field)]) + field
    assert decode_packet(packet.ljust(188, b"p")).is_stuffed == is_stuffed
