"""A channel's keys: which is in use, which comes next, and who has to know it before it is taken."""

from random import Random

import pytest
from tests.support.fanout_tables import payload

from headrace.endpoints.channel_key import ChannelKey
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.srt.key_material import decode_key_material, unwrap_keys
from headrace.srt.session_keys import SEED_BYTES, KeySource, Parity, SessionKeys

PASSPHRASE = "a long passphrase"


def channel_key() -> ChannelKey:
    channel = Channel("A", SubscriberTable())
    channel.stream.put(0, payload(0), 0)
    return ChannelKey(channel, PASSPHRASE, 32, KeySource(Random(1).randbytes(SEED_BYTES)))


def opened(body: bytes) -> SessionKeys:
    return unwrap_keys(decode_key_material(body), PASSPHRASE)


def test_who_comes_is_told_both_keys_and_who_shares_the_next_one_alone() -> None:
    key = channel_key()
    first = opened(key.body)
    assert (first.even, first.odd, first.salt) == (key.keys.even, key.keys.odd, key.keys.salt)
    assert key.parity is Parity.EVEN
    key.announce(set(), 5)
    news, second = opened(key.news), opened(key.body)
    assert (news.even, news.odd) == (None, second.odd)
    assert second.even == first.even
    assert second.odd != first.odd
    assert key.announced_us == 5


def test_the_next_key_is_taken_when_all_who_were_told_the_keys_before_know_it() -> None:
    key = channel_key()
    key.members |= {1, 2}
    key.announce({1, 2, 3}, 0)
    key.waiting.discard(1)
    key.forget(2)
    with pytest.raises(AssertionError):
        key.switch()
    key.waiting.discard(3)
    key.seal.sealed_packets = 7
    assert key.used_packets == 7
    key.switch()
    assert key.members == {1}
    assert key.parity is Parity.ODD
    assert key.used_packets == 0
    assert key.announced_us is None


def test_a_key_tells_nothing_of_itself_in_its_repr() -> None:
    key = channel_key()
    shown = f"{key!r} {key.keys!r}"
    assert PASSPHRASE not in shown
    assert (key.keys.even or b"").hex() not in shown
