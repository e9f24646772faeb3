import pytest

from headrace.base.errors import PacketError
from headrace.remux.h264_unpacker import H264Unpacker
from headrace.remux.nal_payloads import H264_FORMAT, pack_nals

NALS = [b"\x67sps", b"\x68pps", b"\x65" + bytes(range(1, 200)) * 3, b"\x65" + b"z" * 50]


@pytest.mark.parametrize("max_payload_bytes", [60, 100, 1_200])
def test_what_was_packed_comes_back(max_payload_bytes: int) -> None:
    unpacker = H264Unpacker()
    for payload in pack_nals(NALS, H264_FORMAT, max_payload_bytes):
        unpacker.feed(payload)
    assert unpacker.take() == NALS


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("00", "unknown_payload"),
        ("19aabbcc", "unknown_payload"),  # STAP-B
        ("1d85aabb", "unknown_payload"),  # FU-B
        ("7c85", "short_payload"),
        ("7c05aa", "piece_without_start"),
        ("780005aa", "bad_aggregate"),
    ],
)
def test_what_is_malformed_or_of_another_mode_is_an_error(payload: str, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        H264Unpacker().feed(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        ("6742", True),
        ("09f0", True),
        ("7800036742c0", True),
        ("78000268ce", False),
        ("78", False),
        ("7c87aa", False),
        ("6588", False),
    ],
)
def test_a_delimiter_or_an_sps_begins_a_picture(payload: str, begins: bool) -> None:
    assert H264Unpacker().begins_picture(bytes.fromhex(payload)) == begins
