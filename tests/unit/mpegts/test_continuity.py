"""Continuity counters, by the rules of ISO/IEC 13818-1, 2.4.3.3."""

import numpy as np
import pytest
from tests.support.transport import small_stream

from headrace.base.datagram_batch import U8Array
from headrace.mpegts.continuity import NEVER_SEEN, PIDS, ContinuityCounters
from headrace.mpegts.packet import NULL_PID, TS_PACKET_BYTES, encode_packet


def rows(ts: bytes) -> U8Array:
    return np.frombuffer(ts, np.uint8).reshape(-1, TS_PACKET_BYTES)


def packet(counter: int, *, pid: int = 0x100) -> bytes:
    return encode_packet(pid, counter, bytes(184))


def without_payload(counter: int) -> bytes:
    return encode_packet(0x100, counter, b"")


def discontinuous(counter: int) -> bytes:
    """Return a packet with the discontinuity indicator set."""
    made = bytearray(encode_packet(0x100, counter, bytes(100)))
    made[5] |= 0x80
    return bytes(made)


def changed(ts: bytes, place: int, byte: int) -> bytes:
    return ts[:place] + bytes([byte]) + ts[place + 1 :]


def errors(*packets: bytes) -> int:
    """Return what is counted, the same whether the packets come together or one at a time."""
    together, single = ContinuityCounters(), ContinuityCounters()
    counted = together.feed(rows(b"".join(packets)))
    assert counted == together.errors == sum(single.feed(rows(one)) for one in packets) == single.errors
    assert (together.last == single.last).all()
    return counted


def test_a_stream_of_the_muxer_has_no_errors() -> None:
    assert errors(small_stream(8)) == 0


def test_counters_go_round_after_fifteen() -> None:
    assert errors(*(packet(number % 16) for number in range(40))) == 0


def test_a_gap_is_one_error_however_long_it_is() -> None:
    assert errors(packet(3), packet(5), packet(6)) == 1
    assert errors(packet(3), packet(14), packet(15), packet(0)) == 1


def test_a_packet_that_comes_late_is_an_error_and_so_is_the_one_after_it() -> None:
    assert errors(packet(3), packet(5), packet(4), packet(6)) == 3


def test_a_packet_may_be_sent_twice_but_not_three_times() -> None:
    assert errors(packet(3), packet(3), packet(4), packet(4), packet(5)) == 0
    assert errors(packet(3), packet(3), packet(3), packet(4)) == 1
    assert errors(packet(3), packet(3), packet(3), packet(3), packet(4)) == 2


def test_a_packet_without_payload_keeps_the_counter() -> None:
    assert errors(packet(3), without_payload(3), without_payload(3), without_payload(3), packet(4)) == 0
    assert errors(packet(3), without_payload(4), packet(5)) == 1


def test_a_packet_is_no_repetition_of_one_without_payload() -> None:
    assert errors(without_payload(3), packet(3)) == 1
    assert errors(packet(3), without_payload(3), packet(3)) == 1


def test_the_discontinuity_indicator_excuses_any_step() -> None:
    assert errors(packet(3), discontinuous(9), packet(10)) == 0
    assert errors(packet(3), discontinuous(9), packet(4)) == 1


def test_an_adaptation_field_without_flags_excuses_nothing() -> None:
    stuffed = encode_packet(0x100, 9, b"\xff" * 183)
    assert stuffed[4] == 0
    assert stuffed[5] & 0x80
    assert errors(packet(3), stuffed) == 1


def test_each_pid_counts_for_itself() -> None:
    assert errors(packet(3), packet(8, pid=0x101), packet(4), packet(9, pid=0x101), packet(0, pid=0)) == 0
    assert errors(packet(3), packet(4, pid=0x101), packet(5)) == 1


def test_null_packets_have_no_counter() -> None:
    assert errors(packet(5, pid=NULL_PID), packet(5, pid=NULL_PID), packet(5, pid=NULL_PID)) == 0


@pytest.mark.parametrize(("place", "byte"), [(0, 0x48), (1, 0x81), (3, 0x07)])
def test_damaged_packets_and_those_of_the_reserved_kind_are_passed_over(place: int, byte: int) -> None:
    assert errors(packet(3), changed(packet(7), place, byte), packet(4)) == 0


def test_the_last_counter_of_each_pid_is_kept() -> None:
    counters = ContinuityCounters()
    assert counters.last.shape == (PIDS,)
    assert (counters.last == NEVER_SEEN).all()
    counters.feed(rows(packet(3) + packet(4) + packet(9, pid=0x1FFE) + packet(1, pid=NULL_PID)))
    assert counters.last[0x100] == 4
    assert counters.last[0x1FFE] == 9
    assert np.count_nonzero(counters.last != NEVER_SEEN) == 2


def test_nothing_is_nothing() -> None:
    assert ContinuityCounters().feed(np.empty((0, TS_PACKET_BYTES), np.uint8)) == 0
