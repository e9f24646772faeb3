"""One key for many subscribers of a channel, so that each packet is sealed once for all of them.

A caller brings a key of its own. One that can take another one from us is answered with a sequence number that is
the same for everybody who shares, and then told the channel's keys in band. Until it has answered it is sent no
data; if it does not, it gets its own key after all.

libsrt 1.5.0 to 1.5.2 break on any other sequence number than their own, so they never share.

Source: ``docs/internals/srt.md``; draft-sharabayko-srt, 6.1.6; ``docs/decisions/0017-encryption.md``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from headrace.base.seqno import SEQNO_MASK
from headrace.fanout.own_keys import Sealing
from headrace.fanout.sealing import SALT_BYTES, SealingKey
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.key_exchange import KMREQ, KeyRefresh
from headrace.srt.key_material import derive_kek, encode_key_material, wrap_keys
from headrace.srt.packet import ControlType, encode_control
from headrace.srt.session_keys import SEED_BYTES, KeySource, Parity, SessionKeys

FIRST_ASK_US: Final = 1_000
"""The answer to the handshake goes first: what overtakes it is thrown away."""
FIRST_REPEAT_US: Final = 40_000
MAX_REPEAT_US: Final = 1_000_000
PATIENCE_US: Final = 1_000_000
"""Real receivers answer within a round trip and 15 ms; a second question, where keys change meanwhile, comes some
time after the first. Who has not answered by then starts with its own key. It may have taken ours all the same, so
that is to be rare."""
MAX_REMINDERS: Final = 6
"""It is told that one again, in case that it has taken ours and the answer was lost: over two seconds."""
BOUND_VERSIONS: Final = range(0x0001_0500, 0x0001_0503)
"""libsrt 1.5.0 to 1.5.2: ``prepareConnectionObjects`` takes no sequence number but the caller's own."""


class _Asked:
    """A subscriber that has been told keys and has not answered.

    Attributes:
        body: What it was told, which is what it answers.
        due_us: When it is told again.
        until_us: When it gets its own key instead, which is ``own_body``; None for one that shares already.
        reminders: How often it will be told of its own key; None while it is told of ours.
    """

    __slots__ = ("body", "channel", "due_us", "own_body", "reminders", "repeat_us", "until_us")

    def __init__(
        self, channel: Channel, body: bytes, due_us: int, *, until_us: int | None = None, own_body: bytes = b""
    ) -> None:
        self.channel = channel
        self.body = body
        self.due_us = due_us
        self.repeat_us = FIRST_REPEAT_US
        self.until_us = until_us
        self.own_body = own_body
        self.reminders: int | None = None

    def give_up(self, now_us: int) -> None:
        """Go on with its own key."""
        self.body, self.until_us, self.reminders = self.own_body, None, MAX_REMINDERS
        self.due_us, self.repeat_us = now_us, FIRST_REPEAT_US


class _Shared:
    """What the subscribers of one channel share."""

    __slots__ = (
        "base_packets",
        "body",
        "is_announced",
        "keys",
        "members",
        "news",
        "parity",
        "passphrase",
        "seal",
        "source",
    )

    def __init__(self, channel: Channel, passphrase: str, key_bytes: int, source: KeySource) -> None:
        salt = source.make(SALT_BYTES)
        kek = derive_kek(passphrase, salt, key_bytes)
        self.passphrase = passphrase
        self.source = source
        # Who comes is told both: the packet that it starts with may be sealed with the key before this one.
        self.keys = SessionKeys(salt, source.make(key_bytes), source.make(key_bytes), kek)
        self.parity = Parity.EVEN
        self.body = self.news = encode_key_material(wrap_keys(self.keys))
        offset = int.from_bytes(source.make(4), "big") & SEQNO_MASK
        self.seal = SharedSeal(channel.ring, offset, self.key(self.parity), self.parity)
        self.members: set[int] = set()
        self.is_announced = False
        self.base_packets = 0

    def key(self, parity: Parity) -> SealingKey:
        return SealingKey(self.keys.key(parity) or b"", self.keys.salt)

    def announce(self) -> None:
        """Make the next key, in place of the one before this one."""
        fresh = self.source.make(self.keys.key_length_bytes)
        self.seal.unseal(self.parity.other)
        even, odd = (fresh, None) if self.parity.other is Parity.EVEN else (None, fresh)
        # Those who share are told the next key alone: gosrt 0.5.6 takes a second message for both parities for a
        # repetition of the first.
        self.news = encode_key_material(wrap_keys(replace(self.keys, even=even, odd=odd)))
        self.keys = replace(self.keys, even=even or self.keys.even, odd=odd or self.keys.odd)
        self.body = encode_key_material(wrap_keys(self.keys))
        self.is_announced = True

    def switch(self) -> None:
        self.parity = self.parity.other
        self.seal.use(self.key(self.parity), self.parity)
        self.base_packets = self.seal.sealed_packets
        self.is_announced = False


class Settled(NamedTuple):
    """A subscriber that waits no longer for its first packet, as it did not answer."""

    row: int
    channel: Channel


class SharedKeys:
    """Who shares, and who has been asked to.

    Args:
        table: Where the subscribers are rows.
        seals: Gets what is sealed for each channel in which somebody shares.
        queue: Where announcements leave.
        random_bytes: Source of keys.
        refresh: When another key is taken.

    Attributes:
        held: Rows that are sent no data until they have answered.
    """

    __slots__ = ("_asked", "_due_us", "_queue", "_random_bytes", "_refresh", "_seals", "_shared", "_table", "held")

    def __init__(
        self,
        table: SubscriberTable,
        seals: dict[Channel, SharedSeal],
        queue: DatagramQueue,
        random_bytes: Callable[[int], bytes],
        refresh: KeyRefresh,
    ) -> None:
        self._table = table
        self._seals = seals
        self._queue = queue
        self._random_bytes = random_bytes
        self._refresh = refresh
        self._shared: dict[Channel, _Shared] = {}
        self._asked: dict[int, _Asked] = {}
        self._due_us: int | None = None
        self.held: set[int] = set()

    def first_seqno(
        self, channel: Channel, passphrase: str | None, keys: SessionKeys | None, version: int, start_index: int
    ) -> int | None:
        """Return with which number a caller is to be answered so that it can share; None if it cannot.

        Args:
            channel: What it wants.
            passphrase: The channel's.
            keys: What its handshake agreed on.
            version: Its SRT version.
            start_index: The packet that it starts with.
        """
        if keys is None or passphrase is None or version in BOUND_VERSIONS:
            return None
        shared = self._shared.get(channel)
        if shared is None:
            source = KeySource(self._random_bytes(SEED_BYTES))
            shared = _Shared(channel, passphrase, keys.key_length_bytes, source)
        elif shared.passphrase != passphrase or shared.keys.key_length_bytes != keys.key_length_bytes:
            return None
        seqno = (start_index + shared.seal.seqno_offset) & SEQNO_MASK
        if seqno == SEQNO_MASK:  # no peer takes it for its first one
            return None
        self._shared[channel] = shared
        self._seals[channel] = shared.seal
        return seqno

    def ask(self, row: int, channel: Channel, own: SessionKeys, now_us: int) -> None:
        """Tell a new subscriber, who has the keys ``own``, ours soon; hold its data until it answers."""
        self.held.add(row)
        due_us = now_us + FIRST_ASK_US
        own_body = encode_key_material(wrap_keys(own))
        body, until_us = self._shared[channel].body, now_us + PATIENCE_US
        self._ask(row, _Asked(channel, body, due_us, until_us=until_us, own_body=own_body))

    def _ask(self, row: int, asked: _Asked) -> None:
        self._asked[row], due_us = asked, asked.due_us
        self._due_us = due_us if self._due_us is None else min(self._due_us, due_us)

    def handle_answer(self, row: int, body: bytes) -> bool:
        """Take the answer to what a subscriber was told; return whether it is that."""
        asked = self._asked.get(row)
        if asked is None or body != asked.body:
            return False
        del self._asked[row]
        if asked.reminders is None:
            self._shared[asked.channel].members.add(row)
            self._table.rows["sealing"][row] = Sealing.SHARED
        return True

    def is_shared(self, row: int) -> bool:
        """Return whether a subscriber's packets are sealed with its channel's key."""
        return bool(self._table.rows["sealing"][row] == Sealing.SHARED)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._due_us

    def handle_timer(self, now_us: int) -> list[Settled]:
        """Tell those again who have not answered; return who is not waited for any longer."""
        if self._due_us is None or now_us < self._due_us:
            return []
        settled = []
        for row, asked in list(self._asked.items()):
            if asked.until_us is not None and now_us >= asked.until_us:
                asked.give_up(now_us)
                self.held.discard(row)
                settled.append(Settled(row, asked.channel))
            if now_us >= asked.due_us:
                self._tell(row, asked, now_us)
            if asked.reminders == 0:
                del self._asked[row]
        times_us = (min(asked.due_us, asked.until_us or asked.due_us) for asked in self._asked.values())
        self._due_us = min(times_us, default=None)
        return settled

    def _tell(self, row: int, asked: _Asked, now_us: int) -> None:
        if asked.reminders is not None:
            asked.reminders -= 1
        asked.due_us = now_us + asked.repeat_us
        asked.repeat_us = min(2 * asked.repeat_us, MAX_REPEAT_US)
        entry = self._table.rows[row]
        datagram = encode_control(
            ControlType.USER_DEFINED,
            timestamp_us=now_us - int(entry["epoch_us"]),
            dst_socket_id=int(entry["peer_socket_id"]),
            body=asked.body,
            subtype=KMREQ,
        )
        self._queue.put(datagram, bytes(entry["address"]))

    def handle_sweep(self, now_us: int) -> list[int]:
        """Announce or take keys where it is time; return the rows that cannot follow as they do not answer."""
        gone: list[int] = []
        for channel, shared in self._shared.items():
            packets = shared.seal.sealed_packets - shared.base_packets
            period, lead = self._refresh.period_packets, self._refresh.announce_packets
            if not shared.is_announced:
                if packets >= period - lead:
                    self._announce(channel, shared, now_us)
            elif packets >= period:
                missing = shared.members & self._asked.keys()
                if not missing or packets >= period + lead:
                    shared.switch()
                    gone += missing
        return gone

    def _announce(self, channel: Channel, shared: _Shared, now_us: int) -> None:
        shared.announce()
        for asked in self._asked.values():
            if asked.channel is channel and asked.until_us is not None:
                asked.body = shared.body
        for row in shared.members:
            self._ask(row, _Asked(channel, shared.news, now_us))

    def forget(self, row: int, channel: Channel) -> None:
        """Drop a subscriber of the channel, and with the last one what they shared."""
        shared = self._shared.get(channel)
        if shared is None:
            return
        self.held.discard(row)
        self._asked.pop(row, None)
        shared.members.discard(row)
        if not shared.members and all(asked.channel is not channel for asked in self._asked.values()):
            del self._shared[channel], self._seals[channel]
