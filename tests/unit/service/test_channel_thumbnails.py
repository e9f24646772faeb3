"""Which picture is shown, and when another one is made."""

import asyncio
from collections.abc import Awaitable, Callable

from headrace.media.thumbnail import Thumbnail
from headrace.service.channel_thumbnails import (
    FRESH_US,
    LONGEST_WAIT_US,
    MAX_CHANNELS,
    SHOWN_US,
    TRY_AGAIN_US,
    ChannelThumbnails,
)


class Studio:
    """Channels with a picture for each time that one is asked for, or none."""

    def __init__(self) -> None:
        self.time_us = 1_000_000_000
        self.streams: dict[str, bytes] = {"A": b"a"}
        self.pictures: Callable[[int], bytes | None] = lambda number: b"%d" % number
        self.made = 0
        self.gate: asyncio.Event | None = None
        self.is_closed = False
        self.thumbnails = ChannelThumbnails(self._backlog, self, lambda: self.time_us)

    async def _backlog(self, channel_id: str) -> bytes:
        return self.streams.get(channel_id, b"")

    async def make(self, stream: bytes) -> Thumbnail | None:
        self.made += 1
        if self.gate is not None:
            await self.gate.wait()
        jpeg = self.pictures(self.made)
        return None if jpeg is None else Thumbnail(jpeg, "h264", 640, 360, title=f"Number {self.made}")

    async def close(self) -> None:
        self.is_closed = True

    async def newest(self, channel_id: str = "A", *, later_us: int = 0) -> bytes | None:
        """Ask once a time has gone by, and let what that set off come to its end."""
        self.time_us += later_us
        shown = await self.thumbnails.newest(channel_id)
        for _ in range(5):
            await asyncio.sleep(0)
        return shown


def run(story: Callable[[Studio], Awaitable[None]]) -> None:
    async def whole() -> None:
        studio = Studio()
        await story(studio)
        await studio.thumbnails.close()
        assert studio.is_closed

    asyncio.run(whole())


def test_a_picture_is_made_when_somebody_looks_and_not_again_for_five_seconds() -> None:
    async def story(studio: Studio) -> None:
        assert await studio.newest() == b"1"
        assert await studio.newest(later_us=FRESH_US - 1) == b"1"
        assert studio.made == 1
        # The old one is shown at once, and the new one made meanwhile.
        assert await studio.newest(later_us=1) == b"1"
        assert await studio.newest() == b"2"
        assert studio.made == 2

    run(story)


def test_all_who_ask_at_once_get_the_same_picture() -> None:
    async def story(studio: Studio) -> None:
        asked = await asyncio.gather(*(studio.thumbnails.newest("A") for _ in range(20)))
        assert asked == [b"1"] * 20
        assert studio.made == 1

    run(story)


def test_who_goes_away_does_not_take_the_picture_from_the_others() -> None:
    async def story(studio: Studio) -> None:
        studio.gate = asyncio.Event()
        first = asyncio.create_task(studio.thumbnails.newest("A"))
        second = asyncio.create_task(studio.thumbnails.newest("A"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        studio.gate.set()
        assert await second == b"1"

    run(story)


def test_what_gives_no_picture_is_tried_less_and_less_often() -> None:
    async def story(studio: Studio) -> None:
        studio.pictures = lambda _: None
        for wait_s in (1, 2, 4, 8, 16, 32, 64, 64):
            assert await studio.newest() is None
            made = studio.made
            assert await studio.newest(later_us=wait_s * TRY_AGAIN_US - 1) is None
            assert studio.made == made
            studio.time_us += 1
        assert wait_s * TRY_AGAIN_US == LONGEST_WAIT_US
        studio.pictures = lambda _: b"at last"
        assert await studio.newest() == b"at last"
        assert await studio.newest(later_us=FRESH_US) == b"at last"
        studio.pictures = lambda _: None
        made = studio.made
        await studio.newest(later_us=FRESH_US)
        await studio.newest(later_us=TRY_AGAIN_US)
        assert studio.made == made + 2

    run(story)


def test_a_picture_is_shown_for_a_minute_when_none_can_be_made_any_more() -> None:
    async def story(studio: Studio) -> None:
        assert await studio.newest() == b"1"
        studio.pictures = lambda _: None
        assert await studio.newest(later_us=SHOWN_US) == b"1"
        assert await studio.newest(later_us=1) is None

    run(story)


def test_a_channel_that_is_over_has_no_picture_and_takes_no_room() -> None:
    async def story(studio: Studio) -> None:
        assert await studio.newest() == b"1"
        del studio.streams["A"]
        await studio.newest(later_us=FRESH_US)
        assert await studio.newest() is None
        for number in range(2 * MAX_CHANNELS):
            assert await studio.newest(f"made up {number}") is None
        assert studio.made == 1

    run(story)


def test_the_channels_that_were_looked_at_last_are_remembered() -> None:
    async def story(studio: Studio) -> None:
        studio.streams = {str(number): b"s" for number in range(MAX_CHANNELS + 1)}
        for channel_id in studio.streams:
            await studio.newest(channel_id)
        made = studio.made
        assert await studio.newest(str(MAX_CHANNELS)) == b"%d" % made
        assert await studio.newest("0") == b"%d" % (made + 1)

    run(story)


def test_a_channel_is_described_by_what_its_newest_picture_was_made_of() -> None:
    async def story(studio: Studio) -> None:
        assert studio.thumbnails.describe("A") == {}
        await studio.newest()
        assert studio.thumbnails.describe("A") == {
            "title": "Number 1",
            "video": {"codec": "H.264", "width": 640, "height": 360},
            "has_reordering": False,
        }
        # Whoever asks for that has another picture made too, when the time has come.
        studio.time_us += FRESH_US
        studio.thumbnails.describe("A")
        await studio.newest()
        assert studio.thumbnails.describe("A")["title"] == "Number 2"

    run(story)
