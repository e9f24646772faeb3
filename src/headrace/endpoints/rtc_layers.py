"""The lower layers of the producer on the air, as streams beside the channel's, in whose place viewers get them.

What a producer sends in its best layer goes through the channel, and is known there by its keyframes: so the times
of the other layers are put on the channel's line, and they come neither before nor after it.

Source: ``docs/decisions/0024-layers.md``.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from headrace.endpoints.rtc_channel import RtcChannel, RtcStream
from headrace.endpoints.rtc_inbound_layers import InboundLayers, LayerFacts
from headrace.remux.access_unit import AccessUnit

HOLD_US: Final = 300_000
"""A picture waits so long for the channel to come to its time; the way through the broker takes 30 ms."""
MAX_WAITING: Final = 256
"""Pictures that wait, of all layers: three layers of 60 pictures a second for over a second."""


class RtcLayers:
    """The layers of one channel.

    Args:
        channel: The channel.
        feeds: Returns the layers of each who produces it in several, on the air or not.

    Attributes:
        feed: That of the producer on the air; None where it has but one layer.
        streams: By the layer's name, those that are not the channel's.
    """

    __slots__ = ("_channel", "_feeds", "_offset_90khz", "_waiting", "feed", "streams")

    def __init__(self, channel: RtcChannel, feeds: Callable[[], Iterable[InboundLayers]] = tuple) -> None:
        self._channel = channel
        self._feeds = feeds
        self.feed: InboundLayers | None = None
        self.streams: dict[str, RtcStream] = {}
        self._offset_90khz = 0
        self._waiting: deque[tuple[int, str, AccessUnit]] = deque()
        channel.on_keyframe = self._note_keyframe

    def _note_keyframe(self, unit: AccessUnit) -> None:
        """See whose keyframe the channel has now."""
        for feed in self._feeds():
            time_90khz = feed.time_of(unit)
            if time_90khz is not None:
                if feed is not self.feed:
                    self._use(feed)
                self._offset_90khz = unit.pts_90khz - time_90khz
                self.streams.pop(feed.choice.main or "", None)
                return
        if self.feed is not None:
            self._use(None)

    def _use(self, feed: InboundLayers | None) -> None:
        self.feed = feed
        self.streams = {}
        self._waiting.clear()

    def drop(self, feed: InboundLayers) -> None:
        """Forget a producer that has gone."""
        if feed is self.feed:
            self._use(None)

    def take(self, feed: InboundLayers, rid: str, unit: AccessUnit, now_us: int) -> None:
        """Take a picture of a layer; that of who is not on the air is passed over."""
        if feed is self.feed:
            unit.pts_90khz += self._offset_90khz
            self._waiting.append((now_us, rid, unit))

    def release(self, now_us: int) -> None:
        """Keep as packets what the channel has come to."""
        newest = self._channel.newest_90khz
        while self._waiting:
            came_us, rid, unit = self._waiting[0]
            is_due = newest is not None and unit.pts_90khz <= newest
            if not is_due and now_us - came_us < HOLD_US and len(self._waiting) <= MAX_WAITING:
                return
            self._waiting.popleft()
            stream = self.streams.get(rid)
            if stream is None:
                stream = self.streams[rid] = self._channel.layer()
            stream.add(unit, now_us)

    def choose(self, wanted: str | None, steps: int) -> str | None:
        """Return the layer for a viewer.

        Args:
            wanted: What it has chosen, if it has; where that does not come, the next lower one that does.
            steps: By how many layers its link bears less than the best.

        Returns:
            The name of one that comes; None where the channel has but one layer, or that is not known.
        """
        offered = [] if self.feed is None else self.feed.choice.offered
        if self.feed is None or not offered:
            return None
        if wanted is None:
            return offered[min(steps, len(offered) - 1)]
        ranking = self.feed.choice.ranking
        if wanted not in ranking:
            return offered[0]
        worse = ranking[ranking.index(wanted) :]
        return next((rid for rid in offered if rid in worse), offered[-1])

    @property
    def rates_bps(self) -> list[int]:
        """What comes of each layer that a viewer can have, the best first; nothing where there is but one."""
        if self.feed is None:
            return []
        rates = {one.rid: one.bits_per_second for one in self.feed.facts()}
        offered = self.feed.choice.offered
        return [rates[rid] for rid in offered] if len(offered) > 1 else []

    def stream_of(self, rid: str | None) -> RtcStream:
        """Return the stream of a layer, the channel's own where it has no other."""
        if self.feed is None or rid is None or rid == self.feed.choice.main:
            return self._channel.video
        return self.streams.get(rid, self._channel.video)

    def name_of(self, stream: RtcStream) -> str | None:
        """Return which layer a stream is; None where the channel has but one, or its producer has gone."""
        if self.feed is not None and stream is self._channel.video:
            return self.feed.choice.main
        return next((rid for rid, known in list(self.streams.items()) if known is stream), None)

    def facts(self) -> list[LayerFacts]:
        """Return what is told of the layers, the best first; nothing where there is but one."""
        facts = [] if self.feed is None else self.feed.facts()
        return facts if len(facts) > 1 else []
