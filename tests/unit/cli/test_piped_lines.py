import asyncio
import os
import threading
import time
from pathlib import Path

from headrace.cli.piped_lines import MAX_LINE_BYTES, piped_lines


def lines_of(path: Path, data: bytes) -> list[str]:
    path.write_bytes(data)

    async def read() -> list[str]:
        with path.open("rb") as file:
            return [line async for line in piped_lines(file.fileno())]

    return asyncio.run(read())


def test_lines_come_without_their_ends_and_the_last_needs_none(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "typed", b"one\n\ntwo\r\nthree") == ["one", "", "two\r", "three"]
    assert lines_of(tmp_path / "typed", b"") == []


def test_a_line_at_the_limit_is_whole_and_one_past_it_is_cut(tmp_path: Path) -> None:
    long = b"x" * MAX_LINE_BYTES
    assert lines_of(tmp_path / "typed", long + b"\nquit\n") == [long.decode(), "quit"]
    for more in (1, 3 * MAX_LINE_BYTES):
        assert lines_of(tmp_path / "typed", long + b"y" * more + b"\nquit\n") == [long.decode(), "quit"]


def test_what_is_no_utf8_is_replaced(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "typed", b"\xff\xc3\xa4\n") == ["\ufffdä"]


def test_a_line_comes_as_soon_as_it_is_written_and_a_silent_pipe_holds_nobody_up() -> None:
    reading, writing = os.pipe()

    async def read_one() -> str:
        lines = piped_lines(reading)
        threading.Timer(0.01, os.write, (writing, b"status\nquit")).start()
        return await anext(lines)

    started = time.monotonic()
    assert asyncio.run(read_one()) == "status"
    assert time.monotonic() - started < 5  # the reading thread still waits for the rest of the second line
    os.close(writing)


def test_an_endless_input_is_read_as_fast_as_it_is_used(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    async def read_two() -> tuple[str, str]:
        lines = piped_lines(reading)
        return await anext(lines), await anext(lines)

    os.set_blocking(writing, False)
    written = 0
    try:
        while True:
            written += os.write(writing, b"a\n" * 2048)
    except BlockingIOError:
        pass
    assert asyncio.run(read_two()) == ("a", "a")
    os.set_blocking(reading, False)
    left = len(os.read(reading, written))
    assert left >= written - 2 * 4096
    os.close(writing)
