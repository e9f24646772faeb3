"""RTCP packets in clear, compound, with feedback of all kinds."""

from random import Random

from tests.fuzz.target import Target
from tests.fuzz.wrong import make_wrong, pick_word

from headrace.base.errors import PacketError
from headrace.webrtc.rtcp import (
    MAX_PACKETS,
    Bye,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    decode_compound,
    encode_compound,
    unix_time_us,
)
from headrace.webrtc.transport_feedback import TransportFeedback


def run(data: bytes) -> int:
    """Decode, and encode what was understood again."""
    try:
        packets = decode_compound(data)
    except PacketError as error:
        assert error.reason.isidentifier()
        return len(data)
    assert len(packets) <= MAX_PACKETS
    for packet in packets:
        _look_at(packet, len(data))
    return 4 * len(data)


def _look_at(packet: RtcpPacket, size_bytes: int) -> None:
    match packet:
        case Nack(_, _, seqnos):
            assert len(seqnos) <= 17 * size_bytes // 4
            (again,) = decode_compound(encode_compound([packet]))
            assert isinstance(again, Nack)
            assert set(again.seqnos) == set(seqnos)
            return  # what is listed twice, or out of order, is not listed so again
        case TransportFeedback(count=count, arrivals=arrivals):
            assert len(arrivals) <= size_bytes
            offsets = [offset for offset, _ in arrivals]
            assert offsets == sorted(set(offsets))
            assert not offsets or offsets[-1] < count
            if not 0 < count <= 4_000 or any(abs(b - a) > 8_000_000 for (_, a), (_, b) in _steps(arrivals)):
                return  # more work to write than to read, or nothing that we could say
        case SenderReport(ntp_time=ntp):
            unix_time_us(ntp)
        case SourceDescription(names):
            assert sum(len(name) for _, name in names) <= size_bytes
            if any(len(name.encode()) > 255 for _, name in names):
                return  # replaced characters are longer
        case Bye() | ReceiverReport() | PictureLossIndication() | FullIntraRequest() | ReceiverEstimate():
            pass
    assert decode_compound(encode_compound([packet])) == [packet]


def _steps(
    arrivals: tuple[tuple[int, int], ...],
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return list(zip(((0, 0), *arrivals), arrivals, strict=False))


def seeds() -> list[bytes]:
    """Return a packet of each kind, and what a browser sends together."""
    block = ReportBlock(0x1111, 64, -1, 0x1_0005, 77, 0xAABB_CCDD, 0x1_0000)
    came = ((0, 250), (1, 63_750), (2, 127_750), (3, 127_500), (9, 8_000_000), (29, 9_000_000))
    kinds: list[RtcpPacket] = [
        SenderReport(0x1234, 0x1122_3344_5566_7788, 90_000, 5, 6_000, (block,)),
        ReceiverReport(1, (block, block)),
        SourceDescription(((7, "ab"), (8, "c"))),
        Bye((1, 2)),
        Nack(1, 2, (0xFFFF, 0, 15, 40)),
        PictureLossIndication(1, 2),
        FullIntraRequest(1, ((9, 3),)),
        ReceiverEstimate(1, 1_000_000, (5, 6)),
        TransportFeedback(1, 2, 3, 30, 64_000, 4, came),
        TransportFeedback(1, 2, 3, 900, 64_000, 4, tuple((offset, 250 * offset) for offset in range(100))),
    ]
    strange = bytes.fromhex("80cc0002 00000001 41424344 80cf0001 00000001")
    return [encode_compound([one]) for one in kinds] + [encode_compound(kinds[1:8]), strange]


def wrong(data: bytes, random: Random) -> bytes:
    """Return the packet with one word wrong."""
    return make_wrong(data, random, pick_word)


TARGET = Target(run, seeds, wrong, max_bytes=1500)
