"""Key refresh on an open connection: a sender announces its next key, the receiver takes and confirms it.

Both directions begin with the key of the handshake, and each sender replaces its own by itself. A new key has the
other parity, so that packets of both can be on the way; salt and key length stay what they were.

Source: draft-sharabayko-srt, 6.1.6 (refresh), 3.2.2; libsrt's ``hcryptCtx_Tx_ManageKM``.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from headrace.base.errors import PacketError
from headrace.base.token_bucket import TokenBucket
from headrace.srt.key_material import (
    BadSecretError,
    KeyCipher,
    decode_key_material,
    encode_key_material,
    unwrap_keys,
    unwrap_with_kek,
    wrap_keys,
)
from headrace.srt.packet import Control, ControlType
from headrace.srt.packet_cipher import PacketCipher
from headrace.srt.session_keys import KeySource, Parity, SessionKeys

KMREQ: Final = 3
KMRSP: Final = 4
"""Subtypes of user-defined control packets, numbered like the handshake's extensions."""

MIN_REPEAT_US: Final = 20_000
MAX_REPEAT_US: Final = 1_000_000
"""An announcement that is not answered is repeated, each time later."""
MAX_SEALED_PACKETS: Final = 1 << 30
"""With one key, answered or not: sequence numbers have 31 bits, and one that comes again would seal two payloads
with the same key stream."""
UNWRAPS_PER_SECOND: Final = 10
UNWRAPS_AT_ONCE: Final = 8
"""Taking a key takes 0.09 ms, what 40 packets take, and no real sender has a new one so often; but one that was
held up, and has a short period, catches up with several at once."""
MAX_SEEN: Final = 2 * UNWRAPS_AT_ONCE
"""Announcements that are recognised when they come again: after so many more keys, none of them is on the way."""


@dataclass(frozen=True, slots=True)
class KeyRefresh:
    """When a sender takes another key.

    Attributes:
        period_packets: Packets sealed with one key (libsrt's SRTO_KMREFRESHRATE).
        announce_packets: How many packets before that the next one is announced (SRTO_KMPREANNOUNCE).

    Raises:
        ValueError: A key would be announced before its predecessor is in use, or never be replaced in time.
    """

    period_packets: int = 1 << 24
    announce_packets: int = 1 << 12

    def __post_init__(self) -> None:
        if not 0 < self.announce_packets < self.period_packets < MAX_SEALED_PACKETS:
            raise ValueError(
                f"a key is announced 1 to {self.period_packets - 1} packets before its time, and used for less "
                f"than {MAX_SEALED_PACKETS} packets: not {self.announce_packets} and {self.period_packets}"
            )


DEFAULT_KEY_REFRESH: Final = KeyRefresh()
"""libsrt's."""


class SealingKeys:
    """The keys that one side seals with, and the announcement of the next one.

    Args:
        keys: What the handshake agreed on, with its ``kek``.
        source: Makes the keys that follow.
        refresh: When.

    Attributes:
        parity: Of the key in use, for the KK bits.
        key: In use.
    """

    __slots__ = (
        "_announcement",
        "_answered",
        "_cipher",
        "_controls",
        "_keys",
        "_next_key",
        "_refresh",
        "_repeat_at_us",
        "_repeat_us",
        "_sealed_packets",
        "_source",
        "key",
        "parity",
    )

    def __init__(self, keys: SessionKeys, source: KeySource, refresh: KeyRefresh) -> None:
        self.parity = keys.first_parity
        self.key = keys.key(self.parity) or b""
        self._keys = keys
        self._source = source
        self._refresh = refresh
        self._cipher = PacketCipher(self.key, keys.salt)
        self._sealed_packets = 0
        self._next_key: bytes | None = None
        self._announcement: bytes | None = None
        self._answered: bytes | None = None
        self._repeat_us = MIN_REPEAT_US
        self._repeat_at_us = 0
        self._controls: list[Control] = []

    def seal(self, seqno: int, payload: bytes) -> bytes:
        """Return ``payload`` of packet ``seqno`` sealed with the key in use."""
        return self._cipher.apply(seqno, payload)

    def note_sealed(self, packets: int, now_us: int, rtt_us: int) -> None:
        """Count packets sealed for the first time: announce the next key, or take it, when it is time.

        Differs from libsrt, which takes the next key unanswered: its peer could open nothing any more.
        """
        self._sealed_packets += packets
        period, lead = self._refresh.period_packets, self._refresh.announce_packets
        if self._next_key is None:
            if self._sealed_packets >= period - lead:
                self._announce(now_us, rtt_us)
        elif self._sealed_packets >= (period if self._announcement is None else MAX_SEALED_PACKETS):
            self._switch()

    def _announce(self, now_us: int, rtt_us: int) -> None:
        # Differs from libsrt, which sends the key in use along: gosrt 0.5.6 takes a second message for both
        # parities for a repetition of the first.
        key = self._next_key = self._source.make(len(self.key))
        is_even = self.parity.other is Parity.EVEN
        announced = replace(self._keys, even=key if is_even else None, odd=None if is_even else key)
        self._announcement = encode_key_material(wrap_keys(announced))
        self._repeat_us = max(3 * rtt_us // 2, MIN_REPEAT_US)
        self._send_announcement(self._announcement, now_us)

    def _send_announcement(self, body: bytes, now_us: int) -> None:
        self._controls = [Control(ControlType.USER_DEFINED, 0, body, KMREQ)]
        self._repeat_at_us = now_us + self._repeat_us
        self._repeat_us = min(2 * self._repeat_us, MAX_REPEAT_US)

    def _switch(self) -> None:
        if self._next_key is None:
            raise AssertionError("a key is announced before it is taken")
        self.key, self._next_key, self._announcement = self._next_key, None, None
        self.parity = self.parity.other
        self._cipher = PacketCipher(self.key, self._keys.salt)
        self._sealed_packets = 0

    def handle_answer(self, body: bytes) -> None:
        """Take a KMRSP: the exact echo confirms the key that was announced, once or more.

        Raises:
            PacketError: ``key_answer_mismatch``: it is not the echo of what waits for one.
        """
        if body not in (self._announcement, self._answered):
            raise PacketError("key_answer_mismatch", f"{len(body)} bytes")
        if body == self._announcement:
            self._answered, self._announcement = body, None

    def handle_timer(self, now_us: int) -> None:
        """Announce again what has not been answered."""
        if self._announcement is not None and now_us >= self._repeat_at_us:
            self._send_announcement(self._announcement, now_us)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return None if self._announcement is None else self._repeat_at_us

    def poll_controls(self) -> list[Control]:
        """Return the control packets to send, once."""
        controls, self._controls = self._controls, []
        return controls


class OpeningKeys:
    """The keys of what the peer seals, the newest of each parity.

    Args:
        keys: What the handshake agreed on, with its ``kek``.
        passphrase: What other salts are taken with: a sender that shares one key among many receivers has a salt
            of its own. None takes none.

    Attributes:
        keys: The newest.
    """

    __slots__ = ("_ciphers", "_passphrase", "_seen", "_unwraps", "keys")

    def __init__(self, keys: SessionKeys, passphrase: str | None = None) -> None:
        self.keys = keys
        self._passphrase = passphrase
        self._ciphers: dict[int, PacketCipher] = {}
        self._seen: deque[bytes] = deque(maxlen=MAX_SEEN)
        self._unwraps = TokenBucket(UNWRAPS_PER_SECOND, UNWRAPS_AT_ONCE)
        self._make_ciphers(keys)

    def _make_ciphers(self, keys: SessionKeys) -> None:
        for parity in Parity:
            key = keys.key(parity)
            if key is not None:
                self._ciphers[parity] = PacketCipher(key, keys.salt)

    def cipher(self, parity: int) -> PacketCipher:
        """Return what opens a packet with these KK bits.

        Raises:
            PacketError: ``clear_on_secured_link``, as libsrt 1.5.5 drops such packets; or ``no_such_key``: it has
                overtaken its key, or both bits are set. The packet is lost then, and comes again.
        """
        cipher = self._ciphers.get(parity)
        if cipher is None:
            raise PacketError("no_such_key" if parity else "clear_on_secured_link")
        return cipher

    def handle_request(self, body: bytes, now_us: int) -> Control:
        """Take a KMREQ; return the KMRSP that confirms it.

        One that has been taken is confirmed again and changes nothing, so that a late one brings no old key back.

        Raises:
            PacketError: What `decode_key_material` raises, ``key_material_cipher``, ``key_material_changed``,
                ``key_material_too_often`` or ``key_material_bad_secret``.
        """
        if body not in self._seen:
            self._take(body, now_us)
            self._seen.append(body)
        return Control(ControlType.USER_DEFINED, 0, body, KMRSP)

    def _take(self, body: bytes, now_us: int) -> None:
        material = decode_key_material(body)
        if material.cipher != KeyCipher.AES_CTR:
            raise PacketError("key_material_cipher", str(material.cipher))
        is_same_salt = material.salt == self.keys.salt
        if material.key_length_bytes != self.keys.key_length_bytes or not (is_same_salt or self._passphrase):
            # Another salt costs 1 ms; producers keep the one of the handshake.
            raise PacketError("key_material_changed")
        if not self._unwraps.afford(1, now_us):
            raise PacketError("key_material_too_often")
        try:
            if is_same_salt:
                fresh = unwrap_with_kek(material, self.keys.kek)
            else:
                fresh = unwrap_keys(material, self._passphrase or "")
        except BadSecretError:
            raise PacketError("key_material_bad_secret") from None
        self._make_ciphers(fresh)
        if is_same_salt:
            fresh = replace(fresh, even=fresh.even or self.keys.even, odd=fresh.odd or self.keys.odd)
        self.keys = fresh
