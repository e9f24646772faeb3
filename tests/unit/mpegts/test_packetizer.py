from tests.support.transport import small_stream

from headrace.mpegts.packetizer import PAYLOAD_BYTES, Packetizer


def test_payloads_are_seven_packets_and_the_rest_whole_packets() -> None:
    ts = small_stream(10)
    packetizer = Packetizer()
    payloads = [payload for at in range(0, len(ts), 500) for payload in packetizer.feed(ts[at : at + 500])]
    rest = packetizer.flush()
    assert {len(payload) for payload in payloads} == {PAYLOAD_BYTES} == {1316}
    assert len(rest) % 188 == 0
    assert 0 < len(rest) < PAYLOAD_BYTES
    assert b"".join(payloads) + rest == ts


def test_a_full_payload_is_not_kept_back() -> None:
    packetizer = Packetizer()
    assert packetizer.feed(bytes(1315)) == []
    assert packetizer.feed(bytes(1)) == [bytes(1316)]
    assert packetizer.flush() == b""


def test_a_packet_that_is_not_whole_waits_for_the_rest() -> None:
    packetizer = Packetizer()
    packetizer.feed(b"a" * 188 + b"b" * 100)
    assert packetizer.flush() == b"a" * 188
    packetizer.feed(b"b" * 88)
    assert packetizer.flush() == b"b" * 188
