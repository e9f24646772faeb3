"""How long, as people type it."""

import re
from typing import Final

from headrace.base.errors import HeadraceError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd])")


class DurationError(HeadraceError):
    """Text that is no duration."""


def parse_duration(text: str) -> int:
    """Return the seconds of ``90s``, ``30m``, ``2h`` or ``7d``.

    Raises:
        DurationError: It is none of these, or nothing at all.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not seconds:
        raise DurationError(f"{text!r} is not how long something lasts: write 90s, 30m, 2h or 7d")
    return seconds
