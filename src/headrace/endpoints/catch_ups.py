"""Subscribers that have a backlog to get, new ones above all: they get it in pieces, then what comes.

Until it has caught up, a subscriber is sent nothing newer, or it would report all that lies between as lost. What
it is sent is stamped as of now: a packet that is due when it leaves could not be recovered once it is lost.

Source: ``docs/internals/architecture.md``, "instant start"; measured in ``docs/decisions/0010-instant-start.md``.
"""

from typing import Final, NamedTuple

import numpy as np

from headrace.base.datagram_batch import I64Array
from headrace.fanout.burst import Burst, make_burst
from headrace.fanout.subscriber_table import Rows, SubscriberTable
from headrace.hub.channel import Channel

PIECE_PACKETS: Final = 64
PIECE_INTERVAL_US: Final = 5_000
"""64 packets each 5 ms are 135 Mbit/s: 4 s of 2.5 Mbit/s take 75 ms, a keyframe of 80 kB is in the first."""
FIRST_PIECE_US: Final = 1_000
"""The answer to the handshake goes first: what overtakes it is thrown away."""
FIRST_WINDOW_PACKETS: Final = 64
"""On the way before the first acknowledgement: a keyframe, which a link for the channel bears at once."""
MIN_WINDOW_PACKETS: Final = 16
WINDOW_GROWTH: Final = 8
"""One packet wider for so many acknowledged. Where a round trip takes 10 ms, 64 are enough for all that a piece
may have; where the link is narrow, each one too many is lost in its queue."""
PATIENCE_US: Final = 200_000
"""After so long without room in its window a subscriber gets a piece all the same: nobody stays behind."""
ROUND_INTERVAL_US: Final = 1_000
MAX_ROUND_PACKETS: Final = 1024
"""All pieces of one round: a thousand new subscribers at once hold the others up for about a millisecond."""
PIECE_COST_PACKETS: Final = 32
"""What making a piece ready costs beside sending it, in packets."""

_STATE: Final = np.dtype(
    [
        ("row", np.intp),
        ("due_us", np.int64),  # when its next piece may leave
        ("sent_us", np.int64),  # when its last piece did
        ("pieces", np.int64),
        ("window_packets", np.int64),
        ("acked_index", np.int64),  # acknowledged when the window was last looked at
        ("naks_packets", np.int64),
        ("seen_index", np.int64),  # the channel's next packet when its last piece left
    ]
)


class Piece(NamedTuple):
    """The next part of the backlog for some subscribers of a channel.

    Attributes:
        channel: Whose backlog.
        burst: What to send; None when nothing is there any more of what it was to be.
        is_last: They have caught up with it, and are of those that get what comes.
    """

    channel: Channel
    burst: Burst | None
    is_last: bool


class CatchUps:
    """Who is behind, and who gets how much next.

    How much that is follows a window, as with TCP: what has been acknowledged makes it wider, a loss report halves
    it. It is at least twice of what the channel got meanwhile, so that everybody catches up at last. Where not all
    can be served, first pieces go first, so that everybody has a picture, then the pieces of those who came first:
    in turn nobody would ever be done, while those who are cost little.

    Args:
        table: Where the subscribers are rows.
    """

    __slots__ = ("_channels", "_due_us", "_states", "_table")

    def __init__(self, table: SubscriberTable) -> None:
        self._table = table
        self._states = np.zeros(0, _STATE)
        self._channels: list[Channel] = []
        self._due_us: int | None = None

    def __len__(self) -> int:
        return len(self._channels)

    def add(self, row: int, channel: Channel, now_us: int) -> None:
        """Let a subscriber, of which the table says where it starts, catch up with the channel."""
        channel.subscribers.add_behind(row)
        self._add(np.array([row]), channel, now_us)

    def add_all(self, channel: Channel, now_us: int) -> None:
        """Let all subscribers that have got what came so far catch up with more than can be sent at once."""
        rows = channel.subscribers.columns.rows
        if len(rows):
            channel.subscribers.fall_behind()
            self._add(rows, channel, now_us)

    def _add(self, rows: Rows, channel: Channel, now_us: int) -> None:
        start_index = self._table.rows["next_index"][rows]
        channel.ring.lend(int(start_index.min()), now_us)
        due_us = now_us + FIRST_PIECE_US
        states = np.zeros(len(rows), _STATE)
        states["row"], states["due_us"], states["sent_us"] = rows, due_us, now_us
        states["window_packets"], states["acked_index"] = FIRST_WINDOW_PACKETS, start_index
        states["naks_packets"] = self._table.rows["naks_packets"][rows]
        states["seen_index"] = channel.ring.next_index
        self._states = np.append(self._states, states)
        self._channels += [channel] * len(rows)
        self._due_us = due_us if self._due_us is None else min(self._due_us, due_us)

    def discard(self, row: int) -> None:
        """Forget a subscriber, whether it was behind or not."""
        self._drop(np.flatnonzero(self._states["row"] == row))

    def _drop(self, places: I64Array) -> None:
        if not len(places):
            return
        self._states = np.delete(self._states, places)
        for place in sorted(places.tolist(), reverse=True):
            del self._channels[place]
        if not self._channels:
            self._due_us = None

    def poll_timer(self) -> int | None:
        """Return when `pop_pieces` is due, or None."""
        return self._due_us

    def pop_pieces(self, now_us: int) -> list[Piece]:
        """Return what to send now; who has caught up with it is made one of those that get what comes."""
        if self._due_us is None or now_us < self._due_us:
            return []
        newest = np.fromiter((channel.ring.next_index for channel in self._channels), np.int64, len(self))
        allowed = self._allowed_packets(newest, now_us)
        is_first = self._states["pieces"] == 0
        served = np.concatenate(
            [np.flatnonzero((allowed > 0) & is_first), np.flatnonzero((allowed > 0) & ~is_first)]
        )
        places: dict[tuple[Channel, int, int], list[int]] = {}
        room_packets = MAX_ROUND_PACKETS
        next_index = self._table.rows["next_index"][self._states["row"]]
        for place in served.tolist():
            if room_packets <= 0:
                break
            packets = min(int(allowed[place]), max(room_packets, PIECE_PACKETS))
            begin = int(next_index[place])
            key = self._channels[place], begin, begin + packets
            room_packets -= packets + (0 if key in places else PIECE_COST_PACKETS)
            places.setdefault(key, []).append(place)
        self._due_us = now_us + (PIECE_INTERVAL_US if room_packets > 0 else ROUND_INTERVAL_US)
        pieces = [self._take(*key, np.array(of_piece), now_us) for key, of_piece in places.items()]
        self._drop(np.flatnonzero(self._states["row"] < 0))
        return pieces

    def _allowed_packets(self, newest: I64Array, now_us: int) -> I64Array:
        """Return how many packets each may get now; shape ``(n,)``."""
        states, entries = self._states, self._table.rows
        rows = states["row"]
        next_index, acked = entries["next_index"][rows], entries["acked_index"][rows]
        naks = entries["naks_packets"][rows]
        has_lost = naks > states["naks_packets"]
        halved = np.maximum(states["window_packets"] // 2, MIN_WINDOW_PACKETS)
        states["window_packets"] = np.where(has_lost, halved, states["window_packets"])
        states["acked_index"] = np.where(has_lost, acked, states["acked_index"])
        states["naks_packets"] = naks
        wider_packets = (acked - states["acked_index"]) // WINDOW_GROWTH
        states["window_packets"] += wider_packets
        states["acked_index"] += wider_packets * WINDOW_GROWTH
        window = np.minimum(states["window_packets"], entries["available_packets"][rows])
        room = np.clip(window - (next_index - acked), 0, PIECE_PACKETS)
        room[now_us - states["sent_us"] >= PATIENCE_US] = PIECE_PACKETS
        came = newest - states["seen_index"]
        allowed: I64Array = np.minimum(np.maximum(room, 2 * came), newest - next_index)
        allowed[states["due_us"] > now_us] = 0
        return allowed

    def _take(self, channel: Channel, begin: int, end: int, places: I64Array, now_us: int) -> Piece:
        states, entries = self._states, self._table.rows
        rows = states["row"][places]
        channel.ring.lend(begin, now_us)
        entries["next_index"][rows] = end
        entries["earliest_us"][rows] = now_us
        states["pieces"][places] += 1
        states["sent_us"][places] = now_us
        states["due_us"][places] = now_us + PIECE_INTERVAL_US
        states["seen_index"][places] = channel.ring.next_index
        is_last = end == channel.ring.next_index
        if is_last:
            states["row"][places] = -1
            for row in rows.tolist():
                channel.subscribers.add(row)
        held = channel.ring.held(np.arange(begin, end))
        burst = make_burst(channel.ring, held, self._table.gather(rows)) if len(held) else None
        return Piece(channel, burst, is_last)
