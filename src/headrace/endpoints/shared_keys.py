"""One key for many subscribers of a channel, so that each packet is sealed once for all of them.

A caller brings a key of its own. One that can take another one from us is answered with a sequence number that is
the same for everybody who shares, and then told the channel's keys in band. Until it has answered it is sent no
data, as nobody can say which key it has; one that never does is let go, and has its own key when it calls again.

Receivers take what comes, in the order in which it comes: an old message that the network has held back would
bring an old key back. So a subscriber is told something else only when nothing of before can be on its way.

libsrt 1.5.0 to 1.5.2 break on any other sequence number than their own, so they never share.

Source: ``docs/internals/srt.md``; draft-sharabayko-srt, 6.1.6; ``docs/decisions/0017-encryption.md``; libsrt's
``HaiCrypt_Rx_Process``: only a message that equals the last one is passed over.
"""

from collections.abc import Callable
from typing import Final

from headrace.base.seqno import SEQNO_MASK
from headrace.endpoints.channel_key import ChannelKey
from headrace.endpoints.deaf_hosts import DeafHosts
from headrace.fanout.own_keys import Sealing
from headrace.fanout.shared_seal import SharedSeal
from headrace.fanout.subscriber_table import SubscriberTable
from headrace.hub.channel import Channel
from headrace.netio.outbox import DatagramQueue
from headrace.srt.key_exchange import KMREQ, KeyRefresh
from headrace.srt.packet import ControlType, encode_control
from headrace.srt.session_keys import SEED_BYTES, KeySource, SessionKeys

FIRST_ASK_US: Final = 1_000
"""The answer to the handshake goes first: what overtakes it is thrown away."""
FIRST_REPEAT_US: Final = 40_000
MAX_REPEAT_US: Final = 250_000
PATIENCE_US: Final = 3_000_000
"""As long as libsrt gives a handshake. Real receivers answer within a round trip and 15 ms, and are told fourteen
times: where 30 % are lost each way, one of ten thousand has not answered by then."""
LINGER_US: Final = 2_000_000
"""A datagram that is older is not on the way any more: what holds one back for longer carries no live video."""
NEWS_PATIENCE_US: Final = LINGER_US + PATIENCE_US
"""Who has not confirmed the next key by then, and when it is due, is let go."""
BOUND_VERSIONS: Final = range(0x0001_0500, 0x0001_0503)
"""libsrt 1.5.0 to 1.5.2: ``prepareConnectionObjects`` takes no sequence number but the caller's own."""


class _Asked:
    """A subscriber that has been told keys and has not answered.

    Attributes:
        body: What it is told, which is what it answers.
        due_us: When it is told, for the first time or again.
        until_us: When it is given up; None for one that shares already.
    """

    __slots__ = ("body", "channel", "due_us", "repeat_us", "until_us")

    def __init__(self, channel: Channel, body: bytes, due_us: int, until_us: int | None = None) -> None:
        self.channel = channel
        self.body = body
        self.due_us = due_us
        self.repeat_us = FIRST_REPEAT_US
        self.until_us = until_us


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

    __slots__ = (
        "_asked",
        "_channels",
        "_deaf",
        "_due_us",
        "_queue",
        "_random_bytes",
        "_refresh",
        "_seals",
        "_table",
        "_told_us",
        "held",
    )

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
        self._channels: dict[Channel, ChannelKey] = {}
        self._asked: dict[int, _Asked] = {}
        self._told_us: dict[int, int] = {}
        self._deaf = DeafHosts()
        self._due_us: int | None = None
        self.held: set[int] = set()

    def may_share(self, version: int, address: bytes, now_us: int) -> bool:
        """Return whether a caller with this SRT version, at this address of 28 bytes, can be asked to share."""
        return version not in BOUND_VERSIONS and not self._deaf.is_deaf(address, now_us)

    def first_seqno(self, channel: Channel, passphrase: str, keys: SessionKeys, start_index: int) -> int | None:
        """Return with which number a caller that `may_share` is to be answered so that it can share, or None.

        Args:
            channel: What it wants.
            passphrase: The channel's.
            keys: What its handshake agreed on.
            start_index: The packet that it starts with.
        """
        key = self._channels.get(channel)
        if key is None:
            source = KeySource(self._random_bytes(SEED_BYTES))
            key = ChannelKey(channel, passphrase, keys.key_length_bytes, source)
        elif key.passphrase != passphrase or key.keys.key_length_bytes != keys.key_length_bytes:
            return None
        seqno = (start_index + key.seal.seqno_offset) & SEQNO_MASK
        if seqno == SEQNO_MASK:  # no peer takes it for its first one
            return None
        self._channels[channel] = key
        self._seals[channel] = key.seal
        return seqno

    def ask(self, row: int, channel: Channel, now_us: int) -> None:
        """Tell a new subscriber the channel's keys soon; hold its data until it answers."""
        self.held.add(row)
        self._told_us[row] = now_us
        body = self._channels[channel].body
        self._ask(row, _Asked(channel, body, now_us + FIRST_ASK_US, now_us + PATIENCE_US))

    def _ask_next(self, row: int, channel: Channel) -> None:
        news = self._channels[channel].news
        self._ask(row, _Asked(channel, news, self._told_us[row] + LINGER_US))

    def _ask(self, row: int, asked: _Asked) -> None:
        self._asked[row], due_us = asked, asked.due_us
        self._due_us = due_us if self._due_us is None else min(self._due_us, due_us)

    def handle_answer(self, row: int, body: bytes) -> bool:
        """Take the answer to what a subscriber was told; return whether it is that."""
        asked = self._asked.get(row)
        if asked is None or body != asked.body:
            return False
        del self._asked[row]
        key = self._channels[asked.channel]
        if row in key.members:
            key.waiting.discard(row)
            return True
        key.members.add(row)
        self._table.rows["sealing"][row] = Sealing.SHARED
        if row in key.waiting:
            self._ask_next(row, asked.channel)
        return True

    def is_shared(self, row: int) -> bool:
        """Return whether a subscriber's packets are sealed with its channel's key."""
        return bool(self._table.rows["sealing"][row] == Sealing.SHARED)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._due_us

    def handle_timer(self, now_us: int) -> list[int]:
        """Tell those again who have not answered; return the rows that are not waited for any longer."""
        if self._due_us is None or now_us < self._due_us:
            return []
        gone = []
        for row, asked in list(self._asked.items()):
            if asked.until_us is not None and now_us >= asked.until_us:
                del self._asked[row]
                self._deaf.note(bytes(self._table.rows["address"][row]), now_us)
                gone.append(row)
            elif now_us >= asked.due_us:
                self._tell(row, asked, now_us)
        times_us = (min(asked.due_us, asked.until_us or asked.due_us) for asked in self._asked.values())
        self._due_us = min(times_us, default=None)
        return gone

    def _tell(self, row: int, asked: _Asked, now_us: int) -> None:
        asked.due_us = now_us + asked.repeat_us
        asked.repeat_us = min(2 * asked.repeat_us, MAX_REPEAT_US)
        self._told_us[row] = now_us
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
        """Announce or take keys where it is time; return the rows that keep the others from it, to be let go."""
        gone: list[int] = []
        period, lead = self._refresh.period_packets, self._refresh.announce_packets
        for channel, key in self._channels.items():
            packets = key.used_packets
            if key.announced_us is None:
                if packets >= period - lead:
                    self._announce(channel, key, now_us)
            elif packets >= period and not key.waiting:
                key.switch()
            elif packets >= period + lead and now_us >= key.announced_us + NEWS_PATIENCE_US:
                gone += key.waiting
        return gone

    def _announce(self, channel: Channel, key: ChannelKey, now_us: int) -> None:
        asked = {row for row, asked in self._asked.items() if asked.channel is channel}
        key.announce(key.members | asked, now_us)
        for row in key.members:
            self._ask_next(row, channel)

    def forget(self, row: int, channel: Channel) -> None:
        """Drop a subscriber of the channel, and with the last one what they shared."""
        key = self._channels.get(channel)
        if key is None:
            return
        self.held.discard(row)
        self._asked.pop(row, None)
        self._told_us.pop(row, None)
        key.forget(row)
        if not key.members and all(asked.channel is not channel for asked in self._asked.values()):
            del self._channels[channel], self._seals[channel]
