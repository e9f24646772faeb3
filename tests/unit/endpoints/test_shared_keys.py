"""Who may share a channel's key, what they are told and when, and when it changes."""

from random import Random

import numpy as np
import pytest
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.outbox import CollectingOutbox
from tests.support.sealed import parity_of

from headrace.endpoints.shared_keys import LINGER_US, NEWS_PATIENCE_US, PATIENCE_US, SharedKeys
from headrace.fanout.own_keys import Sealing
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.key_exchange import KMREQ, KeyRefresh
from headrace.srt.key_material import decode_key_material, make_keys, unwrap_keys
from headrace.srt.packet import HEADER_BYTES, decode_header
from headrace.srt.session_keys import KeySource, Parity, SessionKeys

PASSPHRASE = "a long passphrase"
NEW_VERSION, OLD_VERSION = 0x0001_0503, 0x0001_0404
OFTEN = KeyRefresh(period_packets=100, announce_packets=40)
MS = 1000
SECOND = 1_000_000


def own_keys(key_bytes: int = 16) -> SessionKeys:
    return make_keys(PASSPHRASE, key_bytes, KeySource(bytes(32)))


class Scene:
    """A channel of ten packets, and whoever asks to share its key."""

    def __init__(self, refresh: KeyRefresh | None = None) -> None:
        self.table = SubscriberTable()
        self.channel = Channel("A", self.table)
        for index in range(10):
            self.channel.stream.put(index, payload(index), 0)
        self.outbox = CollectingOutbox()
        self.queue = DatagramQueue(self.outbox)
        self.seals: dict[Channel, SharedSeal] = {}
        self.keys = SharedKeys(self.table, self.seals, self.queue, Random(1).randbytes, refresh or KeyRefresh())

    def first_seqno(self, keys: SessionKeys | None = None, passphrase: str = PASSPHRASE) -> int | None:
        return self.keys.first_seqno(self.channel, passphrase, keys or own_keys(), 10)

    def join(self, number: int, now_us: int = 0) -> int:
        seqno = self.first_seqno()
        assert seqno is not None
        row = subscribe(self.table, number, next_index=10, send_seqno=seqno)
        self.keys.ask(row, self.channel, now_us)
        return row

    def sharing(self, *numbers: int) -> list[int]:
        """Return the rows of subscribers that have come and answered."""
        rows = [self.join(number) for number in numbers]
        (body,) = set(self.told(MS).values())
        assert all(self.keys.handle_answer(row, body) for row in rows)
        return rows

    def seal_to(self, packets: int, now_us: int) -> list[int]:
        """Have so many packets been sealed; return who is to be let go."""
        self.seals[self.channel].sealed_packets = packets
        return self.keys.handle_sweep(now_us)

    def is_next_key_waited_for(self) -> bool:
        """Return whether packets are still sealed with the first key."""
        seal = self.seals[self.channel]
        seal.unseal(Parity.EVEN)
        headers = np.zeros((1, HEADER_BYTES), np.uint8)
        seal.seal(headers, self.channel.ring.slots(np.array([0])))
        return parity_of(headers.tobytes()) is Parity.EVEN

    def told(self, now_us: int) -> dict[bytes, bytes]:
        """Return what each is told now, by address."""
        self.keys.handle_timer(now_us)
        return self.sent()

    def sent(self) -> dict[bytes, bytes]:
        self.queue.flush()
        taken = self.outbox.take()
        assert all(decode_header(datagram).control_subtype == KMREQ for datagram, _ in taken)
        return {to: datagram[HEADER_BYTES:] for datagram, to in taken}


@pytest.mark.parametrize("version", [0x0001_0500, 0x0001_0501, 0x0001_0502])
def test_versions_that_take_no_sequence_number_but_their_own_never_share(version: int) -> None:
    keys = Scene().keys
    assert not keys.may_share(version, address(1), 0)
    assert keys.may_share(OLD_VERSION, address(1), 0)
    assert keys.may_share(NEW_VERSION, address(1), 0)


def test_who_has_other_keys_than_the_channel_does_not_share() -> None:
    scene = Scene()
    first = scene.first_seqno()
    assert first is not None
    assert scene.first_seqno() == first
    assert scene.first_seqno(keys=own_keys(32)) is None
    assert scene.first_seqno(passphrase="another one, set since") is None


def test_all_are_told_the_same_two_keys_and_again_until_they_answer() -> None:
    scene = Scene()
    rows = [scene.join(number) for number in (1, 2)]
    assert scene.told(500) == {}
    told = scene.told(MS)
    assert list(told) == [address(1), address(2)]
    (body,) = set(told.values())
    keys = unwrap_keys(decode_key_material(body), PASSPHRASE)
    assert keys.even
    assert keys.odd
    assert scene.keys.held == set(rows)
    assert not scene.keys.handle_answer(rows[0], b"something else")
    assert scene.keys.handle_answer(rows[0], body)
    assert not scene.keys.handle_answer(rows[0], body)
    assert scene.table.rows["sealing"][rows].tolist() == [Sealing.SHARED, Sealing.CLEAR]
    assert scene.told(41 * MS) == {address(2): body}


def test_who_never_answers_is_held_until_it_is_given_up_and_is_not_asked_when_it_calls_again() -> None:
    scene = Scene()
    row = scene.join(1)
    assert scene.keys.handle_timer(PATIENCE_US - 1) == []
    (body,) = scene.sent().values()
    assert scene.keys.handle_timer(PATIENCE_US) == [row]
    assert scene.keys.held == {row}
    assert not scene.keys.handle_answer(row, body)
    assert scene.keys.poll_timer() is None
    assert not scene.keys.may_share(NEW_VERSION, address(1), PATIENCE_US)
    scene.keys.forget(row, scene.channel)
    assert not scene.keys.held
    assert not scene.seals


def test_the_next_key_is_announced_alone_and_taken_when_all_have_answered() -> None:
    scene = Scene(OFTEN)
    row = scene.join(1)
    (body,) = scene.told(MS).values()
    scene.keys.handle_answer(row, body)
    scene.seal_to(59, SECOND)
    assert scene.told(SECOND) == {}
    scene.seal_to(60, 4 * SECOND)
    (news,) = scene.told(4 * SECOND).values()
    material = decode_key_material(news)
    assert (material.has_even, material.has_odd) == (False, True)
    scene.seal_to(120, 5 * SECOND)
    assert scene.is_next_key_waited_for()
    assert scene.keys.handle_answer(row, news)
    scene.seal_to(120, 6 * SECOND)
    assert not scene.is_next_key_waited_for()
    scene.seal_to(220, 9 * SECOND)
    (next_news,) = scene.told(9 * SECOND).values()
    assert decode_key_material(next_news).has_even


def test_who_does_not_confirm_the_next_key_is_let_go_before_that_is_taken() -> None:
    scene = Scene(OFTEN)
    rows = scene.sharing(1, 2)
    scene.seal_to(60, 4 * SECOND)
    news = scene.told(4 * SECOND)[address(1)]
    assert scene.keys.handle_answer(rows[0], news)
    late_us = 4 * SECOND + NEWS_PATIENCE_US
    assert scene.seal_to(139, late_us) == []
    assert scene.seal_to(140, late_us - 1) == []
    assert scene.seal_to(140, late_us) == [rows[1]]
    assert scene.is_next_key_waited_for()
    scene.keys.forget(rows[1], scene.channel)
    assert scene.seal_to(140, late_us) == []
    assert not scene.is_next_key_waited_for()


def test_who_was_told_the_keys_so_far_is_told_the_next_one_when_nothing_of_that_is_on_the_way() -> None:
    scene = Scene(OFTEN)
    (old,) = scene.sharing(1)
    now_us = 10 * SECOND
    row = scene.join(2, now_us)
    now_us += MS
    body = scene.told(now_us)[address(2)]
    scene.seal_to(60, now_us)
    news = scene.told(now_us)[address(1)]
    assert scene.keys.handle_answer(old, news)
    assert scene.keys.handle_answer(row, body)
    scene.seal_to(100, now_us)
    assert scene.is_next_key_waited_for()
    assert scene.told(now_us + LINGER_US - 1) == {}
    assert scene.told(now_us + LINGER_US) == {address(2): news}
    assert scene.keys.handle_answer(row, news)
    scene.seal_to(100, now_us)
    assert not scene.is_next_key_waited_for()


def test_who_comes_when_the_next_key_is_announced_is_told_that_too_and_keeps_nobody_waiting() -> None:
    scene = Scene(OFTEN)
    (old,) = scene.sharing(1)
    scene.seal_to(60, 10 * SECOND)
    scene.keys.handle_answer(old, scene.told(10 * SECOND)[address(1)])
    row = scene.join(2, 10 * SECOND)
    body = scene.told(10 * SECOND + MS)[address(2)]
    scene.seal_to(100, 11 * SECOND)
    assert not scene.is_next_key_waited_for()
    assert scene.keys.handle_answer(row, body)
    assert scene.keys.poll_timer() is not None
    assert scene.told(20 * SECOND) == {}


def test_with_the_last_one_the_key_is_forgotten_and_the_next_one_gets_another() -> None:
    scene = Scene()
    rows = [scene.join(number) for number in (1, 2)]
    (body,) = set(scene.told(MS).values())
    scene.keys.handle_answer(rows[0], body)
    for row in rows:
        assert scene.seals
        scene.keys.forget(row, scene.channel)
    assert not scene.seals
    scene.keys.forget(rows[0], scene.channel)
    scene.join(3)
    assert set(scene.told(MS).values()) != {body}
