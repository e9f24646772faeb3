"""The process that makes pictures, and what becomes of one that does not."""

import asyncio
import sys

import pytest
from tests.support.keyframes import keyframe_stream

from headrace.media.thumbnail import Thumbnail
from headrace.media.thumbnailer import Thumbnailer

PICTURE = Thumbnail(b"\xff\xd8", "h264", 16, 9)
READY = "import sys, os, time; out = sys.stdout.buffer; out.write(bytes(4)); out.flush(); "


def answer(code: str) -> str:
    """Return a program's words that send what ``code`` evaluates to."""
    return f"answer = {code}; out.write(len(answer).to_bytes(4, 'big') + answer); out.flush()"


def fake(then: str) -> tuple[str, ...]:
    """Return a command whose process is ready, and then does something else than our own."""
    return (sys.executable, "-c", READY + then)


def test_one_process_makes_one_picture_after_another() -> None:
    async def run() -> None:
        thumbnailer = Thumbnailer(within_seconds=30)
        pictures = await asyncio.gather(*(thumbnailer.make(keyframe_stream()) for _ in range(3)))
        assert all(picture is not None and picture.jpeg.startswith(b"\xff\xd8") for picture in pictures)
        assert await thumbnailer.make(b"rubbish" * 100) is None
        assert (thumbnailer.starts, thumbnailer.kills) == (1, 0)
        await thumbnailer.close()

    asyncio.run(run())


def test_a_process_that_takes_too_long_is_killed_and_another_one_started() -> None:
    async def run() -> None:
        thumbnailer = Thumbnailer(fake("time.sleep(600)"), within_seconds=0.05)
        assert [await thumbnailer.make(b"x") for _ in range(2)] == [None, None]
        assert (thumbnailer.starts, thumbnailer.kills) == (2, 2)
        await thumbnailer.close()

    asyncio.run(run())


def test_a_process_that_dies_or_answers_nonsense_gives_no_picture() -> None:
    async def run() -> None:
        nonsense = "sys.stdin.buffer.read(5); out.write(bytes([255] * 4)); out.flush(); time.sleep(600)"
        for then in ("os._exit(1)", nonsense):
            thumbnailer = Thumbnailer(fake(then), within_seconds=30)
            assert await thumbnailer.make(b"x") is None
            assert thumbnailer.kills == 1
            await thumbnailer.close()

    asyncio.run(run())


def test_half_an_answer_that_nobody_waits_for_is_not_taken_for_the_next_one() -> None:
    async def run() -> None:
        thumbnailer = Thumbnailer(fake("sys.stdin.buffer.read(5); time.sleep(600)"), within_seconds=0.2)
        making = asyncio.create_task(thumbnailer.make(b"x"))
        while not thumbnailer.starts:
            await asyncio.sleep(0)
        making.cancel()
        await asyncio.wait({making})
        assert making.cancelled()
        assert await thumbnailer.make(b"x") is None
        assert thumbnailer.starts == 2
        await thumbnailer.close()

    asyncio.run(run())


def test_a_process_that_nobody_needs_ends_and_comes_back() -> None:
    async def run() -> None:
        command = fake(f"\nwhile head := sys.stdin.buffer.read(5): {answer(repr(PICTURE.encode()))}")
        thumbnailer = Thumbnailer(command, within_seconds=30, idle_seconds=0)
        assert await thumbnailer.make(b"x") == PICTURE
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await thumbnailer.make(b"x") == PICTURE
        assert (thumbnailer.starts, thumbnailer.kills) == (2, 0)
        await thumbnailer.close()

    asyncio.run(run())


def test_closing_waits_for_a_process_that_ends_as_nobody_needs_it() -> None:
    async def run() -> None:
        # Its input may end: it does not.
        thumbnailer = Thumbnailer(
            fake(f"sys.stdin.buffer.read(5); {answer(repr(PICTURE.encode()))}; time.sleep(600)"),
            within_seconds=30,
            idle_seconds=0,
        )
        assert await thumbnailer.make(b"x") == PICTURE
        process = thumbnailer._process
        assert process is not None
        while thumbnailer._process is not None:
            await asyncio.sleep(0)
        await thumbnailer.close()
        assert process.returncode is not None

    asyncio.run(run())


def test_it_hands_on_no_secret_of_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_TEST_SECRET", "hush")

    async def run() -> None:
        # What it sees of the environment comes back in the picture.
        made = repr(PICTURE.encode()) + " + ' '.join(os.environ).encode()"
        tell = f"sys.stdin.buffer.read(5); {answer(made)}"
        thumbnailer = Thumbnailer(fake(tell), within_seconds=30)
        told = await thumbnailer.make(b"x")
        assert told is not None
        assert b"HEADRACE_TEST_SECRET" not in told.jpeg
        assert b"PATH" in told.jpeg
        await thumbnailer.close()

    asyncio.run(run())
