"""What a broker's channels have from their newest keyframes on, for who makes pictures of it.

Source: ``docs/decisions/0023-browsers.md``.
"""

from typing import Final

from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.hub.channel import Channel
from headrace.hub.channel_tap import ChannelTap
from headrace.netio.clock import now_us
from headrace.netio.media_loop import MediaLoop

MAX_POLLS: Final = 4
"""Of a tap: 2048 packets, which a keyframe of 2.5 MB fits into."""


class KeyframeBacklog:
    """Reads in the thread where the channels live.

    Args:
        endpoint: Whose channels.
        loop: Turns it.
    """

    def __init__(self, endpoint: SrtEndpoint, loop: MediaLoop) -> None:
        self._endpoint = endpoint
        self._loop = loop

    async def read(self, channel_id: str) -> bytes:
        """Return transport packets from the tables before the newest keyframe on; no bytes for nothing."""
        return await self._loop.call(lambda: self._read(channel_id))

    def _read(self, channel_id: str) -> bytes:
        channel = self._endpoint.hub.channels.get(channel_id)
        return b"" if channel is None or channel.producer is None else read_backlog(channel, now_us())


def read_backlog(channel: Channel, time_us: int) -> bytes:
    """Return what a channel has from its newest keyframe on, as far as nothing is missing.

    Args:
        channel: Which.
        time_us: The time.
    """
    tap, payloads = ChannelTap(channel, time_us), list[bytes]()
    for _ in range(MAX_POLLS):
        pieces = tap.poll(time_us)
        # What comes behind a gap is no part of the keyframe.
        if not pieces or pieces[0].is_gap:
            break
        payloads += pieces[0].payloads
        if len(pieces) > 1:
            break
    return b"".join(payloads)
