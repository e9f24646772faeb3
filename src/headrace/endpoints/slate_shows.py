"""Shows a slate in every channel that is watched and whose producer has gone.

Source: ``docs/operate/broker.md``, "a slate".
"""

from dataclasses import replace
from typing import Final

import structlog

from headrace.endpoints.event_log import EventLog
from headrace.hub.channel import Channel
from headrace.hub.hub import Hub
from headrace.mpegts.slate_player import Slate, SlatePlayer
from headrace.mpegts.start_finder import StartFinder
from headrace.mpegts.stream_type import StreamType
from headrace.mpegts.tables import Tables

SLATE_DELAY_US: Final = 1_000_000
"""A producer that reconnects at once is not interrupted; players wait for longer than this."""
SWEEP_INTERVAL_US: Final = 500_000
"""How often channels are looked at: 10,000 of them cost 2 ms."""

_log = structlog.get_logger()


class SlateShows:
    """Which channels get the slate now. It does nothing before it has one.

    A slate continues a stream with H.264 pictures, with sound where that has AAC; other streams are left silent,
    as their players could not show it. It never comes before a channel's first producer, which says what players
    expect.

    Args:
        hub: The channels.
        events: Where it is told that a slate is shown.
    """

    def __init__(self, hub: Hub, events: EventLog) -> None:
        self._hub = hub
        self._events = events
        self._slate: Slate | None = None
        self._players: dict[Channel, SlatePlayer] = {}
        self._given_up: set[Channel] = set()
        self._sweep_us: int | None = None

    def __len__(self) -> int:
        return len(self._players)

    def use(self, slate: Slate, now_us: int) -> None:
        """Show ``slate`` from now on."""
        self._slate = slate
        self._sweep_us = now_us

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        times = [player.poll_timer() for player in self._players.values()]
        return min(times if self._sweep_us is None else [*times, self._sweep_us], default=None)

    def handle_timer(self, now_us: int) -> list[tuple[Channel, list[int]]]:
        """Play on; return channels with the indices of packets that are new in their rings."""
        fresh = []
        for channel, player in list(self._players.items()):
            if not _is_waiting(channel):
                del self._players[channel]
            elif player.poll_timer() <= now_us:
                fresh += self._play_on(channel, player, now_us)
        if self._slate is not None and self._sweep_us is not None and now_us >= self._sweep_us:
            self._sweep_us = now_us + SWEEP_INTERVAL_US
            self._given_up = set(filter(_is_waiting, self._given_up))
            passed_over = self._players.keys() | self._given_up
            for channel in self._hub.channels.values():
                if channel not in passed_over and _is_deserted(channel, now_us):
                    fresh += self._begin(channel, self._slate, now_us)
        return fresh

    def _play_on(self, channel: Channel, player: SlatePlayer, now_us: int) -> list[tuple[Channel, list[int]]]:
        try:
            return [(channel, channel.stream.append(player.poll(now_us), now_us))]
        except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
            return self._give_up(channel, error)

    def _give_up(self, channel: Channel, error: Exception) -> list[tuple[Channel, list[int]]]:
        """Show nothing in a channel until it has had another producer."""
        _log.error(
            "a slate met a bug; it is not shown and the broker goes on", channel=channel.channel_id, exc_info=error
        )
        self._players.pop(channel, None)
        self._given_up.add(channel)
        return []

    def _begin(self, channel: Channel, slate: Slate, now_us: int) -> list[tuple[Channel, list[int]]]:
        kinds = _kinds(channel.stream.tables)
        if StreamType.H264 not in kinds:
            return []
        player = SlatePlayer(slate if StreamType.AAC_ADTS in kinds else replace(slate, sound=b""), now_us)
        first_index = channel.ring.next_index
        try:
            payloads = player.poll(now_us)
            channel.stream.begin(_tables_of(payloads), payloads, now_us, is_slate=True)
            channel.stream.append(payloads, now_us)
        except Exception as error:  # noqa: BLE001 - a bug must not end the others' streams
            return self._give_up(channel, error)
        self._players[channel] = player
        self._events.note("slate shown", channel=channel.channel_id)
        return [(channel, channel.stream.new_since(first_index))]


def _is_waiting(channel: Channel) -> bool:
    return channel.producer is None and channel.is_watched


def _is_deserted(channel: Channel, now_us: int) -> bool:
    return _is_waiting(channel) and now_us - channel.forwarded_us >= SLATE_DELAY_US


def _kinds(tables: Tables | None) -> set[int]:
    return set() if tables is None else {stream.stream_type for stream in tables.pmt.streams}


def _tables_of(payloads: list[bytes]) -> Tables | None:
    finder = StartFinder()
    for payload in payloads:
        finder.feed(payload)
    return finder.tables
