"""The taps that are open on an endpoint's channels, and where what they give goes.

Source: ``docs/decisions/0023-browsers.md``.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from headrace.hub.channel import Channel
from headrace.hub.channel_tap import ChannelTap
from headrace.hub.hub import Hub

TapSink: TypeAlias = Callable[[list[bytes], bool], None]
"""Gets payloads that follow each other, and whether something is missing before them."""


class OpenTap(NamedTuple):
    """One tap, and who gets what it gives."""

    tap: ChannelTap
    sink: TapSink


class ChannelTaps:
    """All taps of one endpoint. A channel exists while it has one.

    Args:
        hub: Whose channels.
    """

    __slots__ = ("_hub", "_open")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._open: list[OpenTap] = []

    def open(self, channel: Channel, sink: TapSink, now_us: int) -> OpenTap:
        """Have ``sink`` called with what ``channel`` has, from its newest keyframe on, and with what comes."""
        opened = OpenTap(ChannelTap(channel, now_us), sink)
        channel.taps += 1
        self._open.append(opened)
        return opened

    def close(self, opened: OpenTap) -> None:
        """End one; one that has ended is passed over."""
        if opened in self._open:
            self._open.remove(opened)
            opened.tap.channel.taps -= 1
            self._hub.release(opened.tap.channel)

    def forward(self, now_us: int) -> None:
        """Give out what has come, and what has waited long enough for something that was missing."""
        for tap, sink in self._open:
            if tap.is_waiting:
                for payloads, is_gap in tap.poll(now_us):
                    sink(payloads, is_gap)

    def poll_timer(self) -> int | None:
        """Return when `forward` is due even if nothing comes, or None."""
        times = [tap.poll_timer() for tap, _ in self._open]
        return min((due_us for due_us in times if due_us is not None), default=None)
