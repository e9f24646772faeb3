"""What producers sealed is opened in place, whichever connections a batch is of; what has no key is left out."""

from collections import Counter

import numpy as np
from tests.support.fanout_tables import address
from tests.support.sealed import session_keys
from tests.support.srt_datagrams import control, data

from headrace.base.datagram_batch import DatagramBatch
from headrace.endpoints.packet_columns import PacketColumns
from headrace.endpoints.producer_keys import ProducerKeys
from headrace.fanout.subscriber_table import Rows
from headrace.srt.key_exchange import KMREQ, OpeningKeys
from headrace.srt.packet import ControlType
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import Parity, SessionKeys

EVEN, ODD = 0x0800_0000, 0x1000_0000
ONE, OTHER, CLEAR = 0x4000_0001, 0x4000_0002, 0x4000_0003
SOLO = 0xE000_0001


def sealed(seqno: int, payload: bytes, keys: SessionKeys, parity: Parity, to: int) -> bytes:
    key = keys.key(parity)
    assert key is not None
    flags = EVEN if parity is Parity.EVEN else ODD
    return data(seqno, PacketCipher(key, keys.salt).apply(seqno, payload), word1=SOLO | flags, to=to)


def batch_of(datagrams: list[bytes]) -> PacketColumns:
    batch = DatagramBatch(max(1, len(datagrams)))
    for datagram in datagrams:
        batch.append(datagram, address(1))
    return PacketColumns.of(batch)


def opened(keys: ProducerKeys, datagrams: list[bytes]) -> list[list[bytes]]:
    """Return the payloads of each part."""
    packets = batch_of(datagrams)
    rows: Rows = np.arange(len(datagrams))
    return [[packets.body(row) for row in part.tolist()] for part in keys.parts(packets, rows)]


def keys_of(*connections: tuple[int, SessionKeys], ignored: Counter[str] | None = None) -> ProducerKeys:
    keys = ProducerKeys(Counter() if ignored is None else ignored)
    for socket_id, session in connections:
        keys.add(socket_id, OpeningKeys(session))
    return keys


def test_packets_of_several_producers_and_both_parities_are_opened_beside_clear_ones() -> None:
    one, other = session_keys(1), session_keys(2, key_bytes=32)
    payloads = [bytes([number]) * length for number, length in enumerate((1316, 188, 1, 1456, 16, 1316, 900))]
    whose = [
        (one, Parity.EVEN, ONE),
        (one, Parity.EVEN, ONE),
        None,
        (other, Parity.EVEN, OTHER),
        (one, Parity.ODD, ONE),
        None,
        (other, Parity.ODD, OTHER),
    ]
    datagrams = [
        data(number, payload, word1=SOLO, to=CLEAR) if seal is None else sealed(number, payload, *seal)
        for number, (payload, seal) in enumerate(zip(payloads, whose, strict=True))
    ]
    ignored: Counter[str] = Counter()
    assert opened(keys_of((ONE, one), (OTHER, other), ignored=ignored), datagrams) == [payloads]
    assert not ignored


def test_what_has_no_key_is_left_out_and_counted_and_what_is_not_encrypted_passes() -> None:
    keys = SessionKeys(bytes(16), even=bytes(16))
    ignored: Counter[str] = Counter()
    both = data(8, b"both", word1=SOLO | EVEN | ODD, to=ONE)
    odd = [data(number, b"odd", word1=SOLO | ODD, to=ONE) for number in (5, 6)]
    stranger = data(1, b"no key at all", word1=SOLO | EVEN, to=CLEAR)
    first = sealed(4, b"first", keys, Parity.EVEN, ONE)
    packets = [first, *odd, stranger, both]
    assert opened(keys_of((ONE, keys), ignored=ignored), packets) == [[b"first", b"no key at all"]]
    assert ignored == {"no_such_key": 3}


def test_a_part_ends_with_an_announcement_so_that_what_follows_is_opened_with_the_new_key() -> None:
    keys = session_keys(1)
    opening = OpeningKeys(SessionKeys(keys.salt, even=keys.even))
    producers = ProducerKeys(Counter())
    producers.add(ONE, opening)
    announcement = control(ControlType.USER_DEFINED, b"new key", subtype=KMREQ, to=ONE)
    packets = batch_of(
        [
            sealed(1, b"old", keys, Parity.EVEN, ONE),
            announcement,
            sealed(2, b"new", keys, Parity.ODD, ONE),
        ]
    )
    parts = producers.parts(packets, np.arange(3))
    assert next(parts).tolist() == [0, 1]
    opening.keys = keys  # as the connection does when it is given the announcement
    assert next(parts).tolist() == [2]
    assert [packets.body(row) for row in (0, 2)] == [b"old", b"new"]


def test_empty_short_and_too_long_packets_are_left_as_they_are() -> None:
    keys = session_keys(1)
    packets = [data(1, b"", word1=SOLO | EVEN, to=ONE), b"short", data(2, bytes(1500), word1=SOLO | EVEN, to=ONE)]
    assert opened(keys_of((ONE, keys)), packets) == [[b"", b"", bytes(1500)]]


def test_a_connection_that_has_ended_has_no_keys() -> None:
    keys = keys_of((ONE, session_keys(1)))
    assert len(keys) == 1
    keys.discard(ONE)
    keys.discard(ONE)
    assert len(keys) == 0
    assert opened(keys, [data(1, b"x", word1=SOLO | EVEN, to=ONE)]) == [[b"x"]]
