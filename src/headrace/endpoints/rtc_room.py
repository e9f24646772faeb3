"""The browsers that watch one channel: they get what comes, after what there was since the newest keyframe.

Source: ``docs/decisions/0010-instant-start.md``, ``docs/decisions/0023-browsers.md``,
``docs/decisions/0024-layers.md``.
"""

from collections.abc import Callable, Iterable
from typing import Final

from headrace.endpoints.rtc_channel import RtcChannel, RtcStream
from headrace.endpoints.rtc_fanout import Recipient, RtcFanout
from headrace.endpoints.rtc_inbound_layers import InboundLayers
from headrace.endpoints.rtc_layers import RtcLayers
from headrace.endpoints.rtc_viewer import Place, RtcViewer
from headrace.fanout.sent_totals import SentTotals
from headrace.remux.access_unit import AccessUnit

PIECE_PACKETS: Final = 48
PIECE_INTERVAL_US: Final = 5_000
"""48 packets each 5 ms are 92 Mbit/s: two seconds of 2.5 Mbit/s take 55 ms. A browser's socket holds a piece."""
RESTART_INTERVAL_US: Final = 500_000
"""A browser that cannot decode asks for a keyframe several times a second, and gets the newest one so often."""
MAX_RESTARTS: Final = 3
RESTARTS_US: Final = 10_000_000
"""No more in the time of the longest backlog: who asks without end would be sent that twenty times over."""


class RtcRoom:
    """One channel and who watches it.

    Args:
        channel: Its RTP packets.
        fanout: Sends them.
        feeds: Returns the layers of each who produces the channel in several.

    Attributes:
        channel: As given.
        layers: Its lower layers, if it has any.
        viewers: Those whose connection is there.
        totals: What all were sent, those who have left too. Whoever looks from another thread finds them here and
            not at the viewers, who come and go meanwhile.
    """

    __slots__ = ("_fanout", "_is_apart", "_piece_us", "_sent", "channel", "layers", "totals", "viewers")

    def __init__(
        self, channel: RtcChannel, fanout: RtcFanout, feeds: Callable[[], Iterable[InboundLayers]] = tuple
    ) -> None:
        self.channel = channel
        self.layers = RtcLayers(channel, feeds)
        self._fanout = fanout
        self.viewers: list[RtcViewer] = []
        self.totals = SentTotals()
        self._sent: dict[RtcStream, int] = {stream: stream.ring.next_index for stream in channel.streams}
        self._piece_us: int | None = None
        self._is_apart = False

    @property
    def _pictures(self) -> list[RtcStream]:
        """The channel's pictures, and those of its lower layers."""
        return [self.channel.video, *self.layers.streams.values()]

    def add(self, viewer: RtcViewer, now_us: int) -> None:
        """Let one watch whose connection is there now."""
        viewer.connected_us = now_us
        self.viewers.append(viewer)
        if viewer.video is None:
            self._begin_sound(viewer)
        else:
            self._begin_pictures(viewer, now_us)

    def _begin_pictures(self, viewer: RtcViewer, now_us: int) -> None:
        if viewer.video is not None and viewer.video.start_with_keyframe(now_us):
            viewer.restarted_us = now_us
            self._begin_sound(viewer)
            self._plan(now_us)

    def _begin_sound(self, viewer: RtcViewer) -> None:
        if viewer.audio is not None and viewer.audio.next_index is None:
            viewer.audio.start_at(self._sent[viewer.audio.stream])

    def remove(self, viewer: RtcViewer) -> None:
        """Forget one; one that is not here is passed over."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)

    def unfit(self) -> list[RtcViewer]:
        """Return who cannot play what the channel has now, or has agreed on pictures or none where it is not so.

        Chromium plays no sound while a picture is agreed on and none has come.
        """
        if self.channel.notice is not None:
            return list(self.viewers)
        return [one for one in self.viewers if not self._is_fit(one)]

    def _is_fit(self, viewer: RtcViewer) -> bool:
        place, has_pictures = viewer.video, self.channel.has_pictures
        if place is None:
            return not (viewer.awaits_pictures and has_pictures)
        if place.next_index is None and has_pictures is False:
            return False
        return place.numbers.codec is self.channel.video.codec

    def restart(self, viewer: RtcViewer, now_us: int) -> None:
        """Have one that asked for a keyframe get one: a new one, or the newest again, unless it just has.

        A producer of layers can be asked for a new one: it costs a narrow link less than all since the newest.
        """
        feed, place = self.layers.feed, viewer.video
        rid = None if place is None else self.layers.name_of(place.stream)
        if feed is not None and rid is not None:
            feed.wish_keyframe(rid)
        elif _may_restart(viewer, now_us):
            self._begin_pictures(viewer, now_us)
            if viewer.restarted_us == now_us:
                viewer.restarts_us.append(now_us)

    def take_layer(self, feed: InboundLayers, rid: str, unit: AccessUnit, now_us: int) -> None:
        """Take a picture of a lower layer."""
        self.layers.take(feed, rid, unit, now_us)
        self.forward(now_us)

    def forward(self, now_us: int) -> None:
        """Send what is new to all who are not behind."""
        self.layers.release(now_us)
        begun: set[RtcStream] = set()
        # Streams of layers come and go with their producer.
        self._sent = {stream: self._sent.get(stream, 0) for stream in (self.channel.audio, *self._pictures)}
        for stream, begin in self._sent.items():
            keyframe_index = stream.ring.keyframe_index
            if keyframe_index is not None and begin <= keyframe_index:
                begun.add(stream)
            self._forward_stream(stream, begin)
        self._steer(begun, now_us)
        self._wake(now_us)

    def _forward_stream(self, stream: RtcStream, sent: int) -> None:
        end = stream.ring.next_index
        if sent == end:
            return
        # What came faster than it is kept, as where this thread was held up, is sent to nobody.
        begin = max(sent, stream.ring.first_index)
        recipients = [one for one in self._recipients(stream) if one.place.next_index == sent]
        for _, place in recipients:
            place.next_index = begin
        self._fanout.send(recipients, begin, end, self.totals)
        self._sent[stream] = end

    def _steer(self, begun: set[RtcStream], now_us: int) -> None:
        """Have viewers go on in the layer that is theirs if a keyframe of it has just come; else ask for one."""
        layers, video = self.layers, self.channel.video
        if layers.feed is None and not self._is_apart:
            return
        for viewer in self.viewers:
            place = viewer.video
            rid = layers.choose(viewer.wanted_layer, viewer.steps.count)
            stream = layers.stream_of(rid)
            if place is None or place.next_index is None or place.stream is stream:
                continue
            if stream in begun and place.move_to(stream, now_us):
                viewer.restarted_us = now_us
                self._plan(now_us)
            elif layers.feed is not None:
                layers.feed.wish_keyframe(rid)
        self._is_apart = any(one.video is not None and one.video.stream is not video for one in self.viewers)

    def _recipients(self, stream: RtcStream) -> list[Recipient]:
        return [
            Recipient(viewer, place)
            for viewer in self.viewers
            for place in viewer.places
            if place.stream is stream and place.next_index is not None
        ]

    def _wake(self, now_us: int) -> None:
        """Let those begin who wait for a keyframe."""
        if self.channel.video.ring.start_index(now_us) is None:
            return
        for viewer in self.viewers:
            if viewer.video is not None and viewer.video.next_index is None:
                self._begin_pictures(viewer, now_us)

    def _plan(self, now_us: int) -> None:
        if self._piece_us is None:
            self._piece_us = now_us

    def handle_timer(self, now_us: int) -> None:
        """Send those that are behind their next piece, if that is due."""
        if self._piece_us is None or now_us < self._piece_us:
            return
        is_behind = False
        for stream in self._pictures:
            end = self._sent.get(stream, 0)
            behind = [one for one in self._recipients(stream) if (one.place.next_index or 0) < end]
            for recipient in behind:
                self._send_next_piece(recipient, end, now_us)
            is_behind |= bool(behind)
        self._piece_us = now_us + PIECE_INTERVAL_US if is_behind else None

    def _send_next_piece(self, recipient: Recipient, end: int, now_us: int) -> None:
        place = recipient.place
        assert place.next_index is not None
        if place.next_index < place.stream.ring.first_index and not place.start_with_keyframe(now_us):
            place.skip_to(end)
            return
        begin = place.next_index
        stop = min(end, begin + PIECE_PACKETS)
        if place.prelude is not None and begin < place.prelude.end_index:
            stop = min(stop, place.prelude.end_index)
        self._fanout.send([recipient], begin, stop, self.totals)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._piece_us

    def resend(self, viewer: RtcViewer, place: Place, seqnos: Iterable[int], now_us: int) -> int:
        """Send packets again that a viewer misses; return how many."""
        indices = [index for index in map(place.channel_index_of, seqnos) if index is not None]
        count = self._fanout.resend(Recipient(viewer, place), indices, now_us)
        self.totals.add(resent_packets=count)
        return count


def _may_restart(viewer: RtcViewer, now_us: int) -> bool:
    recent = viewer.restarts_us
    while recent and now_us - recent[0] >= RESTARTS_US:
        recent.popleft()
    return len(recent) < MAX_RESTARTS and now_us - viewer.restarted_us >= RESTART_INTERVAL_US
