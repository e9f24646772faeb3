"""Which handshakes are looked at when more come than there is time for."""

from collections import Counter

import numpy as np
import pytest
from tests.support.srt_datagrams import control

from headrace.base.datagram_batch import DatagramBatch
from headrace.base.sockaddr import encode_sockaddr
from headrace.endpoints import handshake_gate
from headrace.endpoints.handshake_gate import (
    AT_ONCE,
    CONCLUSIONS_PER_SECOND,
    COOKIE_CHECKS_PER_SECOND,
    HANDSHAKES_PER_HOST_AND_SECOND,
    INDUCTIONS_PER_SECOND,
    KEY_MATERIAL_COST,
    HandshakeGate,
)
from headrace.endpoints.packet_columns import PacketColumns
from headrace.srt.handshake import Handshake, HandshakeType, encode_handshake

SECOND = 1_000_000
GOOD, BAD = 7, 8
CALL, CONCLUSION = HandshakeType.INDUCTION, HandshakeType.CONCLUSION


def handshake(kind: int, cookie: int = GOOD, flags: int = 1) -> bytes:
    return control(0, encode_handshake(Handshake(5, 0, flags, 9, 1500, 8192, kind, 3, cookie=cookie)), to=0)


def host(number: int) -> bytes:
    return encode_sockaddr(f"10.{number >> 16}.{number >> 8 & 0xFF}.{number & 0xFF}", 5000)


class Rig:
    """A gate, and what it let through of what came at a time."""

    def __init__(self) -> None:
        self.ignored: Counter[str] = Counter()
        self.gate = HandshakeGate(lambda cookie, _address, _now: cookie == GOOD, self.ignored, bytes(range(8)))

    def admit(self, datagrams: list[tuple[bytes, bytes]], now_us: int = 0) -> list[int]:
        batch = DatagramBatch(len(datagrams))
        for datagram, address in datagrams:
            batch.append(datagram, address)
        return self.gate.admit(PacketColumns.of(batch), np.arange(len(datagrams)), now_us)


def of_many(kind: int, count: int, **more: int) -> list[tuple[bytes, bytes]]:
    """Return a handshake each of many hosts."""
    datagram = handshake(kind, **more)
    return [(datagram, host(number)) for number in range(count)]


def test_honest_handshakes_pass_in_the_order_in_which_they_came() -> None:
    rig = Rig()
    assert rig.admit([(handshake(kind), host(1)) for kind in (CALL, CONCLUSION, CALL)]) == [0, 1, 2]
    assert +rig.ignored == {}


def test_a_thousand_viewers_behind_one_address_are_let_in_within_a_second() -> None:
    rig = Rig()
    for step in range(10):
        for kind in (CALL, CONCLUSION):
            port = [(handshake(kind), encode_sockaddr("10.0.0.1", 1000 + 100 * step + n)) for n in range(100)]
            assert len(rig.admit(port, step * 90_000)) == 100


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "short_header"),
        (bytes(15), "short_header"),
        (bytes(16), "no_destination"),
        (control(1, bytes(48), to=0), "no_destination"),
        (bytes(1400), "no_destination"),
        (control(0, to=0), "short_handshake"),
        (handshake(CALL)[:63], "short_handshake"),
        (handshake(0), "unexpected_handshake_type"),
        (handshake(HandshakeType.AGREEMENT), "unexpected_handshake_type"),
        (handshake(CONCLUSION, BAD), "bad_cookie"),
        (handshake(CONCLUSION, 0), "bad_cookie"),
    ],
)
def test_what_is_no_handshake_is_counted_under_its_reason(datagram: bytes, reason: str) -> None:
    rig = Rig()
    assert rig.admit([(handshake(CALL), host(1)), (datagram, host(2)), (handshake(CONCLUSION), host(1))]) == [0, 2]
    assert +rig.ignored == {reason: 1}


def test_one_host_has_its_limit_each_second_and_the_one_past_it_is_counted() -> None:
    rig = Rig()
    # Of two kinds, so that no other limit comes first.
    half = HANDSHAKES_PER_HOST_AND_SECOND // 2
    assert len(rig.admit([(handshake(CALL), host(1))] * half)) == half
    assert len(rig.admit([(handshake(CONCLUSION), host(1))] * half)) == half
    assert rig.admit([(handshake(0), host(1)), (handshake(CALL), host(1))], SECOND - 1) == []
    assert +rig.ignored == {"handshakes_of_host_beyond_rate": 2, "unexpected_handshake_type": 1}
    assert rig.admit([(handshake(CALL), host(1))], SECOND) == [0]
    assert rig.admit([(handshake(CALL), host(2))], SECOND) == [0]


@pytest.mark.parametrize(
    ("kind", "cookie", "at_once", "per_second"),
    [
        (CALL, GOOD, AT_ONCE, INDUCTIONS_PER_SECOND),
        (CONCLUSION, GOOD, AT_ONCE, CONCLUSIONS_PER_SECOND),
    ],
)
def test_all_together_have_a_limit_and_the_one_past_it_is_counted(
    kind: int, cookie: int, at_once: int, per_second: int
) -> None:
    rig = Rig()
    assert len(rig.admit(of_many(kind, at_once, cookie=cookie))) == at_once
    assert len(rig.admit(of_many(kind, 1, cookie=cookie))) == 0
    assert +rig.ignored == {"handshakes_beyond_rate": 1}
    tenth = per_second // 10
    assert len(rig.admit(of_many(kind, tenth + 1, cookie=cookie), SECOND // 10)) == tenth


def test_so_many_cookies_are_looked_at_and_no_more() -> None:
    rig = Rig()
    rig.admit(of_many(CONCLUSION, 2 * AT_ONCE + 1, cookie=BAD))
    assert +rig.ignored == {"bad_cookie": 2 * AT_ONCE, "handshakes_beyond_rate": 1}
    rig.admit(of_many(CONCLUSION, 2 * AT_ONCE, cookie=BAD), SECOND // 10)
    assert rig.ignored["bad_cookie"] == 2 * AT_ONCE + COOKIE_CHECKS_PER_SECOND // 10


def test_wrong_cookies_take_nothing_from_those_who_have_a_right_one() -> None:
    rig = Rig()
    rig.admit(of_many(CONCLUSION, AT_ONCE, cookie=BAD))
    assert len(rig.admit(of_many(CONCLUSION, AT_ONCE))) == AT_ONCE


def test_key_material_counts_as_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake_gate, "AT_ONCE", 3 * KEY_MATERIAL_COST + 1)
    rig = Rig()
    assert rig.admit(of_many(CONCLUSION, 4, flags=3)) == [0, 1, 2]
    assert rig.admit(of_many(CONCLUSION, 1)) == [0]


@pytest.mark.parametrize("kind", [CALL, CONCLUSION])
def test_who_calls_least_is_heard_first(kind: int) -> None:
    rig = Rig()
    loud = [(handshake(kind, BAD), host(1))] * 300
    for step in range(12):
        rig.admit(loud, step)
    honest = (handshake(kind), host(2))
    rig.gate._inductions.take(AT_ONCE, 20)
    rig.gate._checks.take(2 * AT_ONCE, 20)
    admitted = rig.admit([*loud[:150], honest, *loud[:150]], 20 + SECOND // 1000)
    assert 150 in admitted
    assert len(admitted) <= INDUCTIONS_PER_SECOND // 1000
