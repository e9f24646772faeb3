"""A moment, drawn into a picture so that a program can read it from what a decoder gives.

A row of squares, white for one, black for zero, highest bit first, and below it a row of the opposite: where the
two do not differ everywhere there is no stamp, or no whole one. `read_stamps.js` reads it in a browser.

Source: ITU-T H.264, 6.3 (a macroblock has 16 x 16 pixels: each square is one, and none is blurred into the next).
"""

from typing import Final

import numpy as np

from headrace.base.datagram_batch import U8Array

STAMP_BITS: Final = 32
"""Milliseconds modulo 2**32: 49 days."""
SQUARE_PIXELS: Final = 16
WHITE: Final = 235
BLACK: Final = 16
STAMP_WIDTH: Final = STAMP_BITS * SQUARE_PIXELS
STAMP_HEIGHT: Final = 2 * SQUARE_PIXELS


def draw_stamp(luma: U8Array, stamp_ms: int) -> None:
    """Draw a moment into the upper left corner.

    Args:
        luma: The picture's, of limited range; shape ``(height, width)``, at least `STAMP_HEIGHT` by `STAMP_WIDTH`.
        stamp_ms: Milliseconds modulo 2**32.
    """
    bits = np.array([stamp_ms >> shift & 1 for shift in range(STAMP_BITS - 1, -1, -1)], bool)
    squares = np.where(np.stack((bits, ~bits)), WHITE, BLACK).astype(np.uint8)
    luma[:STAMP_HEIGHT, :STAMP_WIDTH] = squares.repeat(SQUARE_PIXELS, 0).repeat(SQUARE_PIXELS, 1)


def read_stamp(luma: U8Array) -> int | None:
    """Return the moment that a picture has, milliseconds modulo 2**32; None if it has none."""
    middles = luma[
        SQUARE_PIXELS // 2 : STAMP_HEIGHT : SQUARE_PIXELS, SQUARE_PIXELS // 2 : STAMP_WIDTH : SQUARE_PIXELS
    ]
    bits = middles > (WHITE + BLACK) // 2
    if np.any(bits[0] == bits[1]):
        return None
    return int("".join("1" if bit else "0" for bit in bits[0]), 2)
