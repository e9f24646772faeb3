"""Draws a slate: a line of text in the middle of a calm, dark picture."""

from collections.abc import Callable
from typing import Final, TypeAlias, cast

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BACKGROUND: Final = (17, 21, 28)
TEXT_COLOUR: Final = (232, 236, 241)
ACCENT_COLOUR: Final = (74, 144, 226)
TEXT_WIDTH: Final = 0.8
"""Share of the width that the text may take: television sets hide up to a tenth at each side."""
LARGEST: Final = 1 / 11
SMALLEST: Final = 1 / 30
"""Height of the letters as a share of the picture's; smaller ones are not read from a sofa."""
MAX_LINES: Final = 5
MAX_LETTERS: Final = 1_000
"""More never fit, and each is measured."""
LINE_SPACING: Final = 1.35
SYSTEM_FONTS: Final = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "Arial.ttf",
    "NotoSansCJK-Regular.ttc", "Hiragino Sans GB.ttc",
)  # fmt: skip
"""Looked for wherever the system keeps its fonts, if the text has letters that Pillow's own font lacks: it has
those of English alone."""
_PROBE_SIZE: Final = 16
_NEVER_A_LETTER: Final = "\uffff"

_Font: TypeAlias = ImageFont.FreeTypeFont
_MakeFont: TypeAlias = Callable[[float], _Font]
_log = structlog.get_logger()


def draw_slate(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture, shape ``(height, width, 3)``, RGB.

    The text becomes smaller and is broken into lines until it fits; what does not fit even so is cut off.
    """
    # What cannot be printed, such as line feeds of a .env file, would be drawn as boxes.
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:MAX_LETTERS]).split())
    image = Image.new("RGB", (width, height), BACKGROUND)
    font, lines = _fit(text, _font_for(text), width * TEXT_WIDTH, height)
    draw = ImageDraw.Draw(image)
    line_height = font.size * LINE_SPACING
    top = (height - line_height * len(lines)) / 2
    for number, line in enumerate(lines):
        draw.text((width / 2, top + line_height * (number + 0.5)), line, TEXT_COLOUR, font, anchor="mm")
    if lines:
        _draw_accent(draw, width, top + line_height * len(lines) + height / 24, height)
    return np.asarray(image)


def _draw_accent(draw: ImageDraw.ImageDraw, width: int, top: float, height: int) -> None:
    half, thick = height / 16, max(1, round(height / 180))
    draw.rectangle((width / 2 - half, top, width / 2 + half, top + thick - 1), ACCENT_COLOUR)


def _font_for(text: str) -> _MakeFont:
    """Return what makes a font of a size: one that has all letters of ``text``, or of those here most of them."""
    best: _MakeFont = _own_font
    missing = _missing_letters(text, _own_font(_PROBE_SIZE))
    for name in SYSTEM_FONTS if missing else ():
        try:
            font = ImageFont.truetype(name, _PROBE_SIZE)
        except OSError:
            continue
        still_missing = _missing_letters(text, font)
        if len(still_missing) < len(missing):
            best, missing = _resizer(font), still_missing
    if missing:
        _log.warning(
            "no font here has these letters of the slate: install fonts-dejavu-core or fonts-noto-cjk",
            letters="".join(sorted(missing)),
        )
    return best


def _own_font(size: float) -> _Font:
    return cast("_Font", ImageFont.load_default(size))


def _resizer(font: _Font) -> _MakeFont:
    return lambda size: font.font_variant(size=size)


def _missing_letters(text: str, font: _Font) -> set[str]:
    box = bytes(font.getmask(_NEVER_A_LETTER))
    return {letter for letter in text if not letter.isspace() and bytes(font.getmask(letter)) == box}


def _fit(text: str, make_font: _MakeFont, width: float, height: int) -> tuple[_Font, list[str]]:
    """Return the largest font with which ``text`` fits, and its lines."""
    size, smallest = max(1.0, height * LARGEST), max(1.0, height * SMALLEST)
    while True:
        font = make_font(size)
        lines = _balance(text, font, width)
        if len(lines) <= (2 if size > smallest * 1.5 else MAX_LINES):
            return font, lines
        if size <= smallest:
            return font, [*lines[: MAX_LINES - 1], lines[MAX_LINES - 1][:-1] + "…"]
        size = max(smallest, size * 0.9)


def _balance(text: str, font: _Font, width: float) -> list[str]:
    """Return lines of like length: as few as ``width`` allows, then as narrow as that number allows."""
    lines = _wrap(text, font, width)
    for share in (0.9, 0.8, 0.7, 0.6, 0.5):
        narrower = _wrap(text, font, width * share)
        if len(narrower) > len(lines):
            break
        lines = narrower
    return lines


def _wrap(text: str, font: _Font, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        pieces = [""]
        for letter in word:
            if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
                pieces.append("")
            pieces[-1] += letter
        lines += pieces
    return lines
