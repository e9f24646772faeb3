"""The browsers that watch one channel: they get what comes, after what there was since the newest keyframe.

Source: ``docs/decisions/0023-browsers.md``; ``docs/decisions/0010-instant-start.md``.
"""

from typing import Final

from headrace.endpoints.rtc_channel import RtcChannel, RtcStream
from headrace.endpoints.rtc_fanout import Recipient, RtcFanout
from headrace.endpoints.rtc_viewer import Place, RtcViewer

PIECE_PACKETS: Final = 48
PIECE_INTERVAL_US: Final = 5_000
"""48 packets each 5 ms are 92 Mbit/s: two seconds of 2.5 Mbit/s take 55 ms. A browser's socket holds a piece."""
RESTART_INTERVAL_US: Final = 500_000
"""A browser that cannot decode asks for a keyframe several times a second, and gets the newest one so often."""


class RtcRoom:
    """One channel and who watches it.

    Args:
        channel: Its RTP packets.
        fanout: Sends them.

    Attributes:
        channel: As given.
        viewers: Those whose connection is there.
    """

    __slots__ = ("_fanout", "_piece_us", "_sent", "channel", "viewers")

    def __init__(self, channel: RtcChannel, fanout: RtcFanout) -> None:
        self.channel = channel
        self._fanout = fanout
        self.viewers: list[RtcViewer] = []
        self._sent: dict[RtcStream, int] = {stream: stream.ring.next_index for stream in channel.streams}
        self._piece_us: int | None = None

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
        """Return who cannot play what the channel has now."""
        channel = self.channel
        if channel.notice is not None:
            return list(self.viewers)
        codec = channel.video.codec
        return [one for one in self.viewers if one.video is not None and one.video.numbers.codec is not codec]

    def restart(self, viewer: RtcViewer, now_us: int) -> None:
        """Have one that asked for a keyframe begin again with the newest, unless it just has."""
        if now_us - viewer.restarted_us >= RESTART_INTERVAL_US:
            self._begin_pictures(viewer, now_us)

    def forward(self, now_us: int) -> None:
        """Send what is new to all who are not behind."""
        for stream in self.channel.streams:
            begin, end = self._sent[stream], stream.ring.next_index
            if begin == end:
                continue
            # What came faster than it is kept, as where this thread was held up, is sent to nobody.
            begin = max(begin, stream.ring.first_index)
            recipients = [one for one in self._recipients(stream) if one.place.next_index == self._sent[stream]]
            for _, place in recipients:
                place.next_index = begin
            self._fanout.send(recipients, begin, end)
            self._sent[stream] = end
        self._wake(now_us)

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
        stream = self.channel.video
        end = self._sent[stream]
        behind = [one for one in self._recipients(stream) if (one.place.next_index or 0) < end]
        for recipient in behind:
            self._send_next_piece(recipient, end, now_us)
        self._piece_us = now_us + PIECE_INTERVAL_US if behind else None

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
        self._fanout.send([recipient], begin, stop)

    def poll_timer(self) -> int | None:
        """Return when `handle_timer` is due, or None."""
        return self._piece_us

    def resend(self, viewer: RtcViewer, place: Place, seqnos: list[int]) -> int:
        """Send packets again that a viewer misses; return how many."""
        indices = [index for index in map(place.channel_index_of, seqnos) if index is not None]
        return self._fanout.resend(Recipient(viewer, place), indices)
