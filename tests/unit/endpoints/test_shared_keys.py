"""Who may share a channel's key, what they are told and when, and when it changes."""

from random import Random

import pytest
from tests.support.fanout_tables import address, payload, subscribe
from tests.support.outbox import CollectingOutbox

from headrace.endpoints.shared_keys import PATIENCE_US, SharedKeys
from headrace.fanout.own_keys import Sealing
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.key_exchange import KMREQ, KeyRefresh
from headrace.srt.key_material import decode_key_material, encode_key_material, make_keys, unwrap_keys, wrap_keys
from headrace.srt.packet import HEADER_BYTES, decode_header
from headrace.srt.session_keys import KeySource, SessionKeys

PASSPHRASE = "a long passphrase"
NEW_VERSION, OLD_VERSION = 0x0001_0503, 0x0001_0404
MS = 1000


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

    def first_seqno(
        self, version: int = NEW_VERSION, keys: SessionKeys | None = None, passphrase: str = PASSPHRASE
    ) -> int | None:
        return self.keys.first_seqno(self.channel, passphrase, keys or own_keys(), version, 10)

    def join(self, number: int, now_us: int = 0) -> int:
        seqno = self.first_seqno()
        assert seqno is not None
        row = subscribe(self.table, number, next_index=10, send_seqno=seqno)
        self.keys.ask(row, self.channel, own_keys(), now_us)
        return row

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
    scene = Scene()
    assert scene.first_seqno(version) is None
    assert not scene.seals


def test_who_has_no_keys_or_others_than_the_channel_does_not_share() -> None:
    scene = Scene()
    assert scene.keys.first_seqno(scene.channel, PASSPHRASE, None, NEW_VERSION, 10) is None
    first = scene.first_seqno(OLD_VERSION)
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


def test_who_does_not_answer_is_told_of_its_own_key_and_then_left_in_peace() -> None:
    scene = Scene()
    row = scene.join(1)
    scene.told(MS)
    own_body = encode_key_material(wrap_keys(own_keys()))
    (settled,) = scene.keys.handle_timer(PATIENCE_US)
    assert (settled.row, scene.keys.held) == (row, set())
    assert list(scene.sent().values())[-1] == own_body
    reminders = 0
    for now_us in range(PATIENCE_US, 20 * PATIENCE_US, 10 * MS):
        reminders += len(scene.told(now_us))
    assert reminders == 5
    assert scene.keys.poll_timer() is None


def test_the_next_key_is_announced_alone_and_taken_when_all_have_answered() -> None:
    scene = Scene(KeyRefresh(period_packets=100, announce_packets=40))
    row = scene.join(1)
    (body,) = scene.told(MS).values()
    scene.keys.handle_answer(row, body)
    seal = scene.seals[scene.channel]
    seal.sealed_packets = 59
    assert scene.keys.handle_sweep(50 * MS) == []
    assert scene.told(60 * MS) == {}
    seal.sealed_packets = 60
    scene.keys.handle_sweep(100 * MS)
    (news,) = scene.told(100 * MS).values()
    material = decode_key_material(news)
    assert (material.has_even, material.has_odd) == (False, True)
    seal.sealed_packets = 120
    assert scene.keys.handle_sweep(150 * MS) == []
    assert scene.keys.handle_answer(row, news)
    scene.keys.handle_sweep(200 * MS)
    seal.sealed_packets = 220
    scene.keys.handle_sweep(250 * MS)
    (next_news,) = scene.told(250 * MS).values()
    assert decode_key_material(next_news).has_even
    seal.sealed_packets = 260
    assert scene.keys.handle_sweep(300 * MS) == [row]


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
