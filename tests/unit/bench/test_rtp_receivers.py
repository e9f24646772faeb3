"""Sealed RTP at many receivers: every packet is counted by its number, and some are opened."""

import numpy as np
import pytest

from headrace.bench.loopback_port import Received
from headrace.bench.rtp_receivers import READ_BYTES, SAMPLE_PACKETS, RtpReceivers
from headrace.webrtc.srtp import Opener, Sealer, make_sealer
from headrace.webrtc.srtp_profile import AES_128_GCM, MasterKey

SSRC = 0xCAFE


def key(number: int) -> MasterKey:
    return MasterKey(AES_128_GCM, bytes([number]) * 16, bytes(12))


def packet(sealer: Sealer, index: int, ssrc: int = SSRC) -> bytes:
    clear = b"\x80\x66" + (index & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big") + bytes(50)
    out = memoryview(bytearray(200))
    return bytes(out[: sealer.seal_into(clear, index, out)])


def batch(*datagrams: tuple[int, bytes]) -> Received:
    data = np.zeros((len(datagrams), READ_BYTES), np.uint8)
    for row, (_, datagram) in zip(data, datagrams, strict=True):
        row[: len(datagram)] = np.frombuffer(datagram, np.uint8)
    lengths = np.array([len(datagram) for _, datagram in datagrams])
    return Received(data, lengths, np.array([number for number, _ in datagrams]), np.zeros(len(datagrams), int))


@pytest.fixture
def receivers() -> RtpReceivers:
    made = RtpReceivers(2)
    for number in range(2):
        made.admit(number, Opener(key(number)), SSRC)
    return made


def test_numbers_are_counted_over_their_wrap_and_a_hole_is_a_loss(receivers: RtpReceivers) -> None:
    sealers = [make_sealer(key(number)) for number in range(2)]
    first = 0xFF40
    for begin in range(0, 300, 10):
        receivers.take(
            batch(
                *((0, packet(sealers[0], first + index)) for index in range(begin, begin + 10)),
                *((1, packet(sealers[1], 7 + index)) for index in range(begin, begin + 10) if index != 42),
            )
        )
    assert receivers.first_seqnos.tolist() == [first, 7]
    assert receivers.arrivals.received_packets.tolist() == [300, 299]
    assert receivers.arrivals.next_index.tolist() == [300, 300]
    assert receivers.arrivals.missing_packets.tolist() == [0, 1]
    sampled = sum((first + index & 0xFFFF) % SAMPLE_PACKETS == 0 for index in range(300)) + sum(
        (7 + index + 1) % SAMPLE_PACKETS == 0 for index in range(300)
    )
    assert receivers.opened_packets == sampled == 9
    assert receivers.forged_packets == receivers.strange_packets == 0


def test_receivers_open_other_packets_so_that_a_frame_is_not_opened_by_all_at_once(
    receivers: RtpReceivers,
) -> None:
    sealers = [make_sealer(key(number)) for number in range(2)]
    for seqno, opened in (SAMPLE_PACKETS - 1, 1), (SAMPLE_PACKETS, 2):
        receivers.take(batch(*((number, packet(sealer, seqno)) for number, sealer in enumerate(sealers))))
        assert receivers.opened_packets == opened


def test_a_packet_that_comes_again_is_told_from_one_that_comes_late(receivers: RtpReceivers) -> None:
    sealer = make_sealer(key(0))
    receivers.take(batch(*((0, packet(sealer, index)) for index in (1, 2, 4, 4))))
    receivers.take(batch((0, packet(sealer, 3))))
    assert receivers.arrivals.received_packets[0] == 4
    assert receivers.arrivals.duplicate_packets[0] == 1
    assert receivers.arrivals.recovered_packets[0] == 1


def test_what_is_sealed_with_another_key_or_is_of_another_stream_is_seen(receivers: RtpReceivers) -> None:
    stranger = make_sealer(key(9))
    receivers.take(batch((0, packet(stranger, SAMPLE_PACKETS))))
    assert (receivers.opened_packets, receivers.forged_packets) == (0, 1)
    receivers.take(batch((0, packet(stranger, 1, ssrc=1)), (1, b"\x80")))
    assert receivers.strange_packets == 2
    assert receivers.arrivals.received_packets.tolist() == [1, 0]
