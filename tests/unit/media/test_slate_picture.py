import numpy as np
import pytest
import structlog
from numpy.typing import NDArray

from headrace.media.slate_picture import ACCENT_COLOUR, BACKGROUND, draw_slate


def differs_from(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return by how much; shape ``(height, width)``."""
    distances: NDArray[np.int64] = np.abs(picture.astype(np.int64) - np.array(colour)).sum(axis=2)
    return distances


def drawn(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where the text and its line are: more than 0; shape ``(height, width)``."""
    return differs_from(picture, BACKGROUND)


def bounds(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return the first and last row, and the first and last column, that are not empty."""
    rows, columns = (np.flatnonzero(drawn(picture).max(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def test_a_line_of_text_stands_in_the_middle() -> None:
    picture = draw_slate("Back soon", 1280, 720)
    assert picture.shape == (720, 1280, 3)
    top, bottom, left, right = bounds(picture)
    assert abs(left - (1279 - right)) <= 6
    assert 250 < top < bottom < 470
    assert right - left > 200


@pytest.mark.parametrize(
    "text",
    [
        "The stream will continue in a few minutes: please stay with us",
        "word " * 500,
        "x" * 5_000,
        "Скоро вернёмся, gleich zurück, 中文 🎥 \u0627\u0644",
        "two\nlines\tand\0what cannot be printed\x1b[0m",
        "\ud800 half a surrogate",
    ],
)
@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (320, 568)])
def test_text_of_any_length_and_script_stays_within_the_picture(text: str, size: tuple[int, int]) -> None:
    width, height = size
    top, bottom, left, right = bounds(draw_slate(text, width, height))
    assert left >= width * 0.08
    assert right <= width * 0.92
    assert top >= height * 0.1
    assert bottom <= height * 0.95


def test_long_text_is_smaller_than_short_text() -> None:
    short, long = (draw_slate(text, 1280, 720) for text in ("HHHH", "HHHH " * 60))
    first_lines = []
    for picture in (short, long):
        rows = drawn(picture).max(axis=1) > 0
        start = int(np.argmax(rows))
        first_lines.append(int(np.argmin(rows[start:])))
    assert first_lines[1] < first_lines[0] * 0.6


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_without_text_the_picture_is_empty(text: str) -> None:
    assert not drawn(draw_slate(text, 320, 180)).any()


def test_a_line_of_colour_stands_below_the_text() -> None:
    picture = draw_slate("Back soon", 1280, 720)
    rows = np.flatnonzero(differs_from(picture, ACCENT_COLOUR).min(axis=1) == 0)
    assert rows[-1] == bounds(picture)[1]


def test_letters_that_no_font_has_are_named_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.media.slate_picture.SYSTEM_FONTS", ("no-such-font.ttf",))
    with structlog.testing.capture_logs() as lines:
        draw_slate("\u0436 soon \u0436", 320, 180)
    assert [line["letters"] for line in lines] == ["\u0436"]
