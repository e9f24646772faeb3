"""What is sent in a flood: of every kind, from where it should not come, and the same each time."""

import numpy as np

from headrace.bench.hostile_datagrams import MAX_BYTES, Targets, make_pool
from headrace.srt.handshake import HandshakeType
from headrace.srt.packet import CONTROL_BIT, ControlType

PRODUCER, SUBSCRIBER = 0x4000_1234, 0x0010_0007
COOKIES = {3: 0xAAAA_0003, 9: 0xAAAA_0009}
TARGETS = Targets([PRODUCER], [SUBSCRIBER], COOKIES, peers=500)
POOL = make_pool(2_000, TARGETS)
WORDS = POOL.data.view(">u4").astype(np.int64)
KINDS = np.where(WORDS[:, 0] >= CONTROL_BIT, WORDS[:, 0] >> 16 & 0x7FFF, -1)


def test_datagrams_fit_and_come_from_everywhere() -> None:
    assert POOL.data.shape == (2_000, MAX_BYTES)
    assert POOL.lengths.min() >= 0
    assert POOL.lengths.max() <= MAX_BYTES
    assert POOL.numbers.min() >= 0
    assert POOL.numbers.max() < 500
    assert len(np.unique(POOL.numbers)) > 400


def test_known_and_unknown_ids_and_the_listener_are_all_called() -> None:
    to = WORDS[:, 3]
    for wanted in (to == PRODUCER, to == SUBSCRIBER, to == 0):
        assert np.count_nonzero(wanted) > 100
    live = (to == PRODUCER) | (to == SUBSCRIBER)
    assert np.count_nonzero(~live & (to >= 1 << 30)) > 100
    assert np.count_nonzero(~live & (to < 1 << 30) & (to > 0)) > 100


def test_all_phases_of_a_handshake_come_and_right_cookies_from_whom_they_were_given_to() -> None:
    whole = (KINDS == ControlType.HANDSHAKE) & (WORDS[:, 3] == 0) & (POOL.lengths >= 64)
    types, cookies = WORDS[:, 9], WORDS[:, 11]
    assert np.count_nonzero(whole & (types == HandshakeType.INDUCTION)) > 100
    conclusions = whole & (types == HandshakeType.CONCLUSION)
    right = conclusions & np.isin(cookies, list(COOKIES.values()))
    assert np.count_nonzero(right) > 100
    assert np.count_nonzero(conclusions & ~right) > 100
    from_owner = right & (cookies == np.array([COOKIES.get(one, -1) for one in POOL.numbers.tolist()]))
    assert np.count_nonzero(from_owner) > 100


def test_acks_naks_and_goodbyes_go_to_live_subscribers() -> None:
    to_subscriber = WORDS[:, 3] == SUBSCRIBER
    for kind in (ControlType.ACK, ControlType.NAK, ControlType.SHUTDOWN, ControlType.KEEPALIVE):
        assert np.count_nonzero(to_subscriber & (kind == KINDS)) > 10


def test_the_same_seed_makes_the_same_and_another_makes_others() -> None:
    again, other = make_pool(200, TARGETS, seed=5), make_pool(200, TARGETS, seed=6)
    assert make_pool(200, TARGETS, seed=5).data.tobytes() == again.data.tobytes()
    assert again.data.tobytes() != other.data.tobytes()


def test_without_cookies_it_makes_do() -> None:
    assert len(make_pool(50, Targets([PRODUCER], [SUBSCRIBER], {}, 5)).lengths) == 50
