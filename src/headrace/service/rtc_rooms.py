"""Which channels browsers watch: each has a tap on the SRT side and a room on the other while somebody does.

Source: ``docs/decisions/0023-browsers.md``.
"""

import asyncio
from functools import partial
from threading import BoundedSemaphore
from typing import Final

from headrace.endpoints.channel_taps import OpenTap
from headrace.endpoints.picture_route import PictureRecoder
from headrace.endpoints.rtc_endpoint import RtcEndpoint
from headrace.endpoints.rtc_room import RtcRoom
from headrace.endpoints.srt_endpoint import SrtEndpoint
from headrace.media.picture_converter import PictureConverter
from headrace.media.sound_converter import SoundConverter
from headrace.netio.clock import now_us
from headrace.netio.media_loop import MediaLoop
from headrace.remux.access_unit import Codec, UnitConverter
from headrace.service.tap_handover import TapHandover

LINGER_SECONDS: Final = 10.0
"""A room is kept for so long after the last one has left: who loads the page again starts at once."""


class RtcRooms:
    """The rooms, by channel id.

    Args:
        srt: Has the channels.
        srt_loop: Drives it.
        rtc: Has the rooms.
        rtc_loop: Drives it.
        max_recoded_channels: So many may have their pictures re-encoded at a time.
    """

    def __init__(
        self,
        srt: SrtEndpoint,
        srt_loop: MediaLoop,
        rtc: RtcEndpoint,
        rtc_loop: MediaLoop,
        *,
        max_recoded_channels: int = 0,
    ) -> None:
        self._srt = srt
        self._srt_loop = srt_loop
        self._rtc = rtc
        self._rtc_loop = rtc_loop
        self._slots = BoundedSemaphore(max_recoded_channels) if max_recoded_channels else None
        self._taps: dict[str, OpenTap] = {}
        self._users: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def enter(self, channel_id: str) -> RtcRoom | None:
        """Return the room of a channel, and keep it until `leave`; None if there are too many channels."""
        async with self._lock:
            self._users[channel_id] = self._users.get(channel_id, 0) + 1
            if channel_id in self._taps:
                return self._rtc.rooms[channel_id]
            converter = self._make_converter(channel_id)
            recoder = self._make_recoder(channel_id)
            room = await self._rtc_loop.call(partial(self._rtc.open_room, channel_id, converter, recoder))
            tap = await self._open_tap(channel_id)
            if tap is None:
                self.leave(channel_id)
                return None
            # Nobody is in it yet. The channel lives longer than its room, and keeps what is counted.
            room.totals = tap.tap.channel.sent_by_taps
            self._taps[channel_id] = tap
            return room

    def _make_converter(self, channel_id: str) -> UnitConverter:
        """Return what makes Opus of the channel's AAC, if it has that alone."""
        rtc, call_soon = self._rtc, self._rtc_loop.call_soon
        return SoundConverter(
            Codec.AAC, lambda units: call_soon(lambda: rtc.take_sound(channel_id, units, now_us()))
        )

    def _make_recoder(self, channel_id: str) -> PictureRecoder | None:
        """Return what re-encodes the channel's pictures, should browsers not play them, where that is allowed."""
        rtc, call_soon = self._rtc, self._rtc_loop.call_soon
        if self._slots is None:
            return None
        return PictureConverter(
            channel_id,
            lambda units: call_soon(lambda: rtc.take_pictures(channel_id, units, now_us())),
            self._slots,
        )

    async def _open_tap(self, channel_id: str) -> OpenTap | None:
        rtc = self._rtc
        handover = TapHandover(
            self._rtc_loop.call_soon,
            lambda payloads, is_gap: rtc.take(channel_id, payloads, now_us(), is_gap=is_gap),
        )
        return await self._srt_loop.call(lambda: self._srt.open_tap(channel_id, handover.put, now_us()))

    def leave(self, channel_id: str) -> None:
        """Want it no more; a while after the last one it is closed."""
        self._users[channel_id] -= 1
        if self._users[channel_id] == 0:
            closing = asyncio.create_task(self._close_later(channel_id))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _close_later(self, channel_id: str) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        async with self._lock:
            if self._users.get(channel_id, 1):
                return
            del self._users[channel_id]
            tap = self._taps.pop(channel_id, None)
            if tap is not None:
                await self._srt_loop.call(partial(self._srt.close_tap, tap))
            await self._rtc_loop.call(partial(self._rtc.close_room, channel_id))

    def stop(self) -> None:
        """End: the loops have been stopped."""
        for closing in self._closing:
            closing.cancel()
        for channel_id in list(self._rtc.rooms):
            self._rtc.close_room(channel_id)
