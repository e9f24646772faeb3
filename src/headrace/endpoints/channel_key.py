"""The keys that the subscribers of one channel share, and the one after them.

Source: draft-sharabayko-srt, 6.1.6; ``docs/decisions/0017-encryption.md``.
"""

from dataclasses import replace

from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.sealing import SALT_BYTES, SealingKey
from headrace.fanout.shared_seal import SharedSeal
from headrace.hub.channel import Channel
from headrace.srt.key_material import derive_kek, encode_key_material, wrap_keys
from headrace.srt.session_keys import KeySource, Parity, SessionKeys


class ChannelKey:
    """Makes and replaces what the subscribers of a channel share. Which of them know it is kept here too.

    Args:
        channel: Whose.
        passphrase: The channel's.
        key_bytes: 16, 24 or 32.
        source: Makes keys.

    Attributes:
        passphrase: As given.
        keys: Both parities.
        parity: Of the one in use.
        body: What who comes is told: both, as the packet that it starts with may be sealed with the key before.
        news: What those who share are told: the next key alone. gosrt 0.5.6 takes a second message for both
            parities for a repetition of the first.
        seal: Seals with them.
        members: Rows that share.
        waiting: Rows that have not confirmed the next key yet; it is not taken before they have.
        announced_us: Since when the next key is told; None while there is none.
    """

    __slots__ = (
        "_base_packets",
        "_source",
        "announced_us",
        "body",
        "keys",
        "members",
        "news",
        "parity",
        "passphrase",
        "seal",
        "waiting",
    )

    def __init__(self, channel: Channel, passphrase: str, key_bytes: int, source: KeySource) -> None:
        salt = source.make(SALT_BYTES)
        kek = derive_kek(passphrase, salt, key_bytes)
        self._source = source
        self._base_packets = 0
        self.passphrase = passphrase
        self.keys = SessionKeys(salt, source.make(key_bytes), source.make(key_bytes), kek)
        self.parity = Parity.EVEN
        self.body = self.news = encode_key_material(wrap_keys(self.keys))
        offset = int.from_bytes(source.make(4), "big") & SEQNO_MASK
        self.seal = SharedSeal(channel.ring, offset, self._key(self.parity), self.parity)
        self.members: set[int] = set()
        self.waiting: set[int] = set()
        self.announced_us: int | None = None

    @property
    def used_packets(self) -> int:
        """How many packets the key in use has sealed."""
        return self.seal.sealed_packets - self._base_packets

    def _key(self, parity: Parity) -> SealingKey:
        return SealingKey(self.keys.key(parity) or b"", self.keys.salt)

    def announce(self, told: set[int], now_us: int) -> None:
        """Make the next key, in place of the one before this one.

        Args:
            told: Rows that have been told the keys so far, whether they have answered or not.
            now_us: The time.
        """
        fresh = self._source.make(self.keys.key_length_bytes)
        self.seal.unseal(self.parity.other)
        even, odd = (fresh, None) if self.parity.other is Parity.EVEN else (None, fresh)
        self.news = encode_key_material(wrap_keys(replace(self.keys, even=even, odd=odd)))
        self.keys = replace(self.keys, even=even or self.keys.even, odd=odd or self.keys.odd)
        self.body = encode_key_material(wrap_keys(self.keys))
        self.waiting = set(told)
        self.announced_us = now_us

    def switch(self) -> None:
        """Take the key that was announced."""
        if self.waiting:
            raise AssertionError("a key is taken when everybody knows it")
        self.parity = self.parity.other
        self.seal.use(self._key(self.parity), self.parity)
        self._base_packets = self.seal.sealed_packets
        self.announced_us = None

    def forget(self, row: int) -> None:
        """Drop a subscriber."""
        self.members.discard(row)
        self.waiting.discard(row)
