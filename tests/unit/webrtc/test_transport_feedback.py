"""When packets came, as transport feedback says it."""

import pytest

from headrace.base.errors import PacketError
from headrace.webrtc.transport_feedback import (
    TransportFeedback,
    decode_transport_feedback,
    encode_transport_feedback,
)

HEAD = "00000001 00000002"


def decode(drawn: str) -> TransportFeedback:
    return decode_transport_feedback(bytes.fromhex(HEAD + drawn))


def test_a_run_and_both_kinds_of_vectors_are_read() -> None:
    # 3 in a run of small deltas, then 14 of one bit each of which the 2nd came, then 7 of two bits.
    feedback = decode("fffe 0018 00000305  2003 9000 d800  04 00 ff 08 01 fff8")
    assert (feedback.base_seqno, feedback.count, feedback.number) == (0xFFFE, 24, 5)
    assert feedback.reference_us == 3 * 64_000
    assert feedback.arrivals == ((0, 1_000), (1, 1_000), (2, 64_750), (4, 66_750), (17, 67_000), (18, 65_000))


def test_a_run_of_losses_costs_no_room() -> None:
    feedback = decode("0000 ffff 00000000" + " 1fff" * 8 + " 0007")
    assert (feedback.count, feedback.arrivals) == (0xFFFF, ())


def test_the_reference_may_be_negative() -> None:
    assert decode("0000 0001 ffffff00 0001").reference_us == -64_000


@pytest.mark.parametrize(
    "drawn",
    [
        "",
        "0000 0001 000000",
        "0000 0001 00000000",
        "0000 0003 00000000 0002",
        "0000 0001 00000000 0000",
        "0000 0001 00000000 2001",
        "0000 0001 00000000 4001 00",
        "0000 0001 00000000 6001 00000000",
        "0000 1000 00000000 3000 0000",
    ],
)
def test_what_is_malformed_is_refused(drawn: str) -> None:
    with pytest.raises(PacketError, match="rtcp_body"):
        decode(drawn)


@pytest.mark.parametrize(
    ("count", "arrivals"),
    [
        (1, ()),
        (1, ((0, 0),)),
        (8, tuple((offset, 250 * offset) for offset in range(8))),
        (100, tuple((offset, 1_000 * offset) for offset in range(100))),
        (30, ((0, 0), (1, 63_750), (2, 127_750), (3, 127_500), (9, 8_000_000), (29, 0))),
        (20_000, ((0, 250), (19_999, 500))),
        (9_000, tuple((offset, 0) for offset in range(9_000))),
        (65_535, ()),
    ],
)
def test_what_is_written_is_read_again(count: int, arrivals: tuple[tuple[int, int], ...]) -> None:
    feedback = TransportFeedback(1, 2, 0xFFF0, count, -128_000, 255, arrivals)
    body = encode_transport_feedback(feedback)
    assert len(body) % 4 == 0
    assert decode_transport_feedback(body) == feedback
    assert len(body) <= 16 + 4 * (count // 7 + 2) + 2 * len(arrivals)


def test_runs_are_written_short() -> None:
    came = tuple((offset, 0) for offset in range(1_000))
    assert len(encode_transport_feedback(TransportFeedback(1, 2, 0, 1_000, 0, 0, came))) == 16 + 2 + 1_000 + 2


@pytest.mark.parametrize(
    "feedback",
    [
        TransportFeedback(1, 2, 0, 0, 0, 0, ()),
        TransportFeedback(1, 2, 0, 0x1_0000, 0, 0, ()),
        TransportFeedback(1, 2, 0, 1, 0, 0, ((1, 0),)),
        TransportFeedback(1, 2, 0, 2, 0, 0, ((1, 0), (0, 0))),
        TransportFeedback(1, 2, 0, 1, 0, 0, ((0, 1),)),
        TransportFeedback(1, 2, 0, 1, 1, 0, ()),
        TransportFeedback(1, 2, 0, 1, 0, 0, ((0, 250 << 15),)),
    ],
)
def test_what_cannot_be_said_is_our_mistake(feedback: TransportFeedback) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        encode_transport_feedback(feedback)
