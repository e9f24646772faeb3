"""Pictures of channels that somebody looks at, made from their newest keyframes: one each five seconds at most.

Source: ``docs/decisions/0023-browsers.md``.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from headrace.netio.clock import now_us

if TYPE_CHECKING:
    # It comes from the room of decoders, of which nothing is loaded before a broker listens.
    from headrace.media.thumbnail import Thumbnail

FRESH_US: Final = 5_000_000
SHOWN_US: Final = 60_000_000
"""A picture that is older is of something else."""
TRY_AGAIN_US: Final = 1_000_000
"""When a keyframe was there only in part. What cannot be decoded waits longer each time: `LONGEST_WAIT_US`."""
LONGEST_WAIT_US: Final = 64_000_000
FIRST_WITHIN_SECONDS: Final = 5.0
"""Who asks first waits no longer, though the picture may come."""
MAX_CHANNELS: Final = 256
"""Of 20 KB each."""
LOOKED_AT_US: Final = 60_000_000
"""What was looked at within this is kept, whoever comes."""

CODEC_NAMES: Final = {"h264": "H.264", "hevc": "HEVC", "av1": "AV1", "libdav1d": "AV1", "mpeg2video": "MPEG-2"}
"""As the status of a broker has them."""

Backlog: TypeAlias = Callable[[str], Awaitable[bytes]]


class PictureMaker(Protocol):
    """What `headrace.media.thumbnailer.Thumbnailer` does."""

    async def make(self, stream: bytes) -> "Thumbnail | None":
        """Return a picture of what ``stream`` begins with, or None."""

    async def close(self) -> None:
        """Make no more."""


@dataclass(slots=True)
class _Shown:
    """What is known of one channel's picture.

    Attributes:
        seen_us: When somebody wanted to know anything of the channel.
        asked_us: When somebody wanted the picture itself.
    """

    seen_us: int
    asked_us: int = -LOOKED_AT_US
    picture: "Thumbnail | None" = None
    made_us: int = 0
    due_us: int = 0
    misses: int = 0
    making: asyncio.Task[None] | None = field(default=None, repr=False)


class ChannelThumbnails:
    """Implements `headrace.web.gateway.Thumbnails`.

    Args:
        backlog: Gives what a channel has from its newest keyframe on; no bytes for nothing.
        maker: Makes a picture of that; it is closed at the end.
        clock_us: Tells the time.
    """

    def __init__(
        self,
        backlog: Backlog,
        maker: PictureMaker,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._backlog = backlog
        self._maker = maker
        self._clock_us = clock_us
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._turn = asyncio.Lock()

    async def newest(self, channel_id: str) -> bytes | None:
        """Return a JPEG of what a channel shows, or None. Only the first one of a channel is waited for."""
        shown = self._find(channel_id) or self._add(channel_id, self._asked_longest_ago)
        if shown is None:
            return None
        shown.asked_us = self._clock_us()
        self._renew_in_time(channel_id, shown)
        if shown.picture is None and shown.making is not None:
            # Not awaited itself: the picture is for others too, when the one who asked first goes away.
            await asyncio.wait({shown.making}, timeout=FIRST_WITHIN_SECONDS)
        picture = self._picture(shown)
        return None if picture is None else picture.jpeg

    def describe(self, channel_id: str) -> dict[str, Any]:
        """Return what was seen of a channel when its newest picture was made; nothing while there is none.

        A list asks this for all channels each second: of more than are kept those beyond take nobody's place.
        """
        shown = self._find(channel_id) or self._add(channel_id, self._seen_longest_ago)
        if shown is None:
            return {}
        self._renew_in_time(channel_id, shown)
        picture = shown.picture
        if picture is None:
            return {}
        return {
            "title": picture.title,
            "video": {
                "codec": CODEC_NAMES.get(picture.codec, picture.codec),
                "width": picture.width,
                "height": picture.height,
            },
            "has_reordering": picture.has_reordering,
        }

    def _find(self, channel_id: str) -> _Shown | None:
        shown = self._shown.get(channel_id)
        if shown is not None:
            shown.seen_us = self._clock_us()
            self._shown.move_to_end(channel_id)
        return shown

    def _add(self, channel_id: str, dispensable: Callable[[], str | None]) -> _Shown | None:
        """Begin to know a channel, in the place of a ``dispensable`` one if there is no other; or return None."""
        if len(self._shown) >= MAX_CHANNELS:
            other_id = dispensable()
            if other_id is None:
                return None
            other = self._shown.pop(other_id)
            if other.making is not None:
                other.making.cancel()
        shown = self._shown[channel_id] = _Shown(seen_us=self._clock_us())
        return shown

    def _asked_longest_ago(self) -> str | None:
        """Return the channel whose picture nobody wants: one that is but described is the first."""
        channel_id, shown = min(self._shown.items(), key=lambda one: one[1].asked_us)
        return channel_id if self._clock_us() - shown.asked_us >= LOOKED_AT_US else None

    def _seen_longest_ago(self) -> str | None:
        """Return the channel of which nobody wants to know anything: it may be over."""
        channel_id, shown = next(iter(self._shown.items()))
        return channel_id if self._clock_us() - shown.seen_us >= LOOKED_AT_US else None

    def _renew_in_time(self, channel_id: str, shown: _Shown) -> None:
        if shown.making is None and self._clock_us() >= shown.due_us:
            shown.making = asyncio.create_task(self._renew(channel_id, shown))

    def _picture(self, shown: _Shown) -> "Thumbnail | None":
        return None if self._clock_us() - shown.made_us > SHOWN_US else shown.picture

    async def close(self) -> None:
        """Make no more."""
        making = [one.making for one in self._shown.values() if one.making is not None]
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        await self._maker.close()

    async def _renew(self, channel_id: str, shown: _Shown) -> None:
        try:
            # Who waits for its turn holds no stream of some megabytes meanwhile, and none that has grown old then.
            async with self._turn:
                stream = await self._backlog(channel_id)
                if stream:
                    self._note(shown, await self._maker.make(stream))
            if not stream and self._shown.get(channel_id) is shown:
                # Nobody produces it. Ids that somebody made up take no room from those that are live.
                shown.picture = None
                del self._shown[channel_id]
        finally:
            shown.making = None

    def _note(self, shown: _Shown, picture: "Thumbnail | None") -> None:
        time_us = self._clock_us()
        if picture is not None:
            shown.picture, shown.made_us, shown.due_us, shown.misses = picture, time_us, time_us + FRESH_US, 0
            return
        shown.due_us = time_us + min(TRY_AGAIN_US << min(shown.misses, 6), LONGEST_WAIT_US)
        shown.misses += 1
