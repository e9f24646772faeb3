import pytest

from headrace.base.errors import PacketError
from headrace.codecs.opus import encode_control_header, is_stereo, packet_samples, split_control_headers


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        ("00", 480),  # SILK 10 ms
        ("18", 2880),  # SILK 60 ms
        ("60", 480),  # hybrid 10 ms
        ("78", 960),  # hybrid 20 ms
        ("80", 120),  # CELT 2.5 ms
        ("fc", 960),  # CELT 20 ms, as browsers send
        ("fd", 1920),  # two frames
        ("fe", 1920),
        ("ff06", 5760),  # six of 20 ms
        ("8330", 5760),  # 48 of 2.5 ms
    ],
)
def test_the_first_byte_says_how_long_a_packet_sounds(packet: str, samples: int) -> None:
    assert packet_samples(bytes.fromhex(packet)) == samples


@pytest.mark.parametrize(
    ("packet", "reason"),
    [("", "short_opus"), ("ff", "short_opus"), ("ff00", "bad_opus"), ("ff07", "bad_opus"), ("8331", "bad_opus")],
)
def test_packets_of_no_length_or_over_120_ms_are_errors(packet: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        packet_samples(bytes.fromhex(packet))


def test_the_stereo_bit_is_seen() -> None:
    assert is_stereo(b"\xfc")
    assert not is_stereo(b"\xf8")


@pytest.mark.parametrize("size", [1, 254, 255, 256, 510, 1275])
def test_a_control_header_tells_where_its_packet_ends(size: int) -> None:
    packets = [bytes([number]) * size for number in (1, 2, 3)]
    data = b"".join(encode_control_header(len(packet)) + packet for packet in packets)
    assert split_control_headers(data) == packets


def test_trims_and_extensions_are_passed_over() -> None:
    data = bytes.fromhex("7ffc 02 0101 0202 03aabbcc fc11") + bytes.fromhex("7ff0 01 0078 fc")
    assert [packet.hex() for packet in split_control_headers(data)] == ["fc11", "fc"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("7f", "no_opus_control_header"),
        ("fff0ff01", "no_opus_control_header"),
        ("7fe0", "short_opus"),
        ("7fe0ff", "short_opus"),
        ("7fe000", "short_opus"),
        ("7fe005aabb", "short_opus"),
        ("7fe401", "short_opus"),
    ],
)
def test_a_header_that_is_not_whole_is_an_error(data: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        split_control_headers(bytes.fromhex(data))
