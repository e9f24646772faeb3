"""Which picture is shown, and when another one is made."""

import asyncio
from collections.abc import Awaitable, Callable

from headrace.media.thumbnail import Thumbnail
from headrace.service.channel_thumbnails import (
    FRESH_US,
    LONGEST_WAIT_US,
    LOOKED_AT_US,
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
        self.made = self.read = 0
        self.gate: asyncio.Event | None = None
        self.is_closed = False
        self.thumbnails = ChannelThumbnails(self._backlog, self, lambda: self.time_us)

    async def _backlog(self, channel_id: str) -> bytes:
        self.read += 1
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


def crowd(count: int) -> dict[str, bytes]:
    return {str(number): b"s" for number in range(count)}


async def settle(studio: Studio) -> None:
    """Let all that was set off come to its end."""
    made = -1
    while made != studio.made:
        made = studio.made
        for _ in range(20):
            await asyncio.sleep(0)


def test_whoever_asks_for_more_pictures_than_are_kept_takes_none_that_others_look_at() -> None:
    async def story(studio: Studio) -> None:
        studio.streams = crowd(MAX_CHANNELS + 1)
        for channel_id in studio.streams:
            await studio.newest(channel_id)
        assert studio.made == MAX_CHANNELS
        assert await studio.newest(str(MAX_CHANNELS), later_us=LOOKED_AT_US - 1) is None
        assert await studio.newest("0") == b"1"
        # Number 1 is the one that nobody has asked for for longest.
        assert await studio.newest(str(MAX_CHANNELS), later_us=1) is not None
        assert studio.thumbnails.describe("0")
        assert studio.thumbnails.describe("1") == {}

    run(story)


def test_a_list_of_more_channels_than_are_kept_is_described_in_part_and_makes_each_picture_once() -> None:
    async def story(studio: Studio) -> None:
        studio.streams = crowd(MAX_CHANNELS + 100)
        for _ in range(4):
            known = [bool(studio.thumbnails.describe(channel_id)) for channel_id in studio.streams]
            await settle(studio)
        assert studio.made == MAX_CHANNELS
        assert known == [True] * MAX_CHANNELS + [False] * 100

    run(story)


def test_a_picture_that_is_asked_for_takes_the_place_of_a_mere_description() -> None:
    async def story(studio: Studio) -> None:
        studio.streams = crowd(MAX_CHANNELS + 1)
        for channel_id in studio.streams:
            studio.thumbnails.describe(channel_id)
        await settle(studio)
        assert await studio.newest(str(MAX_CHANNELS)) == b"%d" % (MAX_CHANNELS + 1)
        known = [bool(studio.thumbnails.describe(channel_id)) for channel_id in studio.streams]
        assert known.count(True) == MAX_CHANNELS
        assert known[-1]

    run(story)


def test_channels_that_are_over_leave_their_places_to_those_that_come() -> None:
    async def story(studio: Studio) -> None:
        studio.streams = crowd(MAX_CHANNELS)
        for channel_id in studio.streams:
            studio.thumbnails.describe(channel_id)
        await settle(studio)
        studio.streams = {"new": b"n"}
        assert studio.thumbnails.describe("new") == {}
        studio.time_us += LOOKED_AT_US
        studio.thumbnails.describe("new")
        await settle(studio)
        assert studio.thumbnails.describe("new")

    run(story)


def test_the_stream_of_one_channel_at_a_time_is_held() -> None:
    async def story(studio: Studio) -> None:
        studio.streams, studio.gate = crowd(10), asyncio.Event()
        for channel_id in studio.streams:
            studio.thumbnails.describe(channel_id)
        await settle(studio)
        assert studio.read == 1
        studio.gate.set()
        await settle(studio)
        assert studio.read == 10

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
