"""Which layer a packet is of."""

import pytest

from headrace.base.errors import PacketError
from headrace.endpoints.rtc_rids import MAX_SOURCES, LayerNumbers, RidTable
from headrace.webrtc.rtp import RtpPacket

NUMBERS = LayerNumbers(("h", "l"), 10, 11)


def packet(ssrc: int, **named: bytes) -> RtpPacket:
    numbers = {"rid": 10, "repaired": 11}
    return RtpPacket(96, 1, 1, ssrc, b"x", extensions={numbers[name]: value for name, value in named.items()})


def test_a_source_is_known_by_the_name_in_its_first_packets() -> None:
    table = RidTable(NUMBERS)
    assert table.rid_of(packet(1, rid=b"h"), is_repair=False) == "h"
    assert table.rid_of(packet(2, rid=b"l"), is_repair=False) == "l"
    assert [table.rid_of(packet(ssrc), is_repair=False) for ssrc in (1, 2)] == ["h", "l"]


def test_a_retransmission_names_whose_it_is_in_an_extension_of_its_own() -> None:
    table = RidTable(NUMBERS)
    assert table.rid_of(packet(3, rid=b"h", repaired=b"l"), is_repair=True) == "l"
    with pytest.raises(PacketError, match="rtp_without_rid"):
        table.rid_of(packet(4, rid=b"h"), is_repair=True)
    with pytest.raises(PacketError, match="rtp_without_rid"):
        RidTable(LayerNumbers(("h", "l"), 10)).rid_of(packet(3, repaired=b"l"), is_repair=True)


@pytest.mark.parametrize(
    ("name", "reason"), [(None, "rtp_without_rid"), (b"x", "rtp_unknown_rid"), (b"\xff", "rtp_unknown_rid")]
)
def test_what_names_no_layer_that_was_agreed_on_is_refused(name: bytes | None, reason: str) -> None:
    table = RidTable(NUMBERS)
    with pytest.raises(PacketError, match=reason):
        table.rid_of(packet(5) if name is None else packet(5, rid=name), is_repair=False)
    assert len(table) == 0


def test_of_too_many_sources_the_oldest_are_forgotten() -> None:
    table = RidTable(NUMBERS)
    for ssrc in range(MAX_SOURCES + 1):
        table.rid_of(packet(ssrc, rid=b"h"), is_repair=False)
    assert len(table) == MAX_SOURCES
    with pytest.raises(PacketError, match="rtp_without_rid"):
        table.rid_of(packet(0), is_repair=False)
    assert table.rid_of(packet(1), is_repair=False) == "h"
